"""The page: what is seen, and what serves it. Nothing else uses Streamlit."""
