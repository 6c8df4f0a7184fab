from pathlib import Path

from streamlit.testing.v1 import AppTest

from denoise import ui

FOLDER = Path(ui.__file__).parent


def ended_by_its_job():
    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.scriptrunner_utils.script_requests import RerunData

    from denoise.ui.cache import run_anew

    context = get_script_run_ctx()
    st.text(context.query_string)
    if "has_begun" not in st.session_state:
        st.session_state.has_begun = True
        context.script_requests.request_rerun(RerunData(query_string="where=there"))  # by a click on a link
        run_anew()


def test_who_goes_elsewhere_in_the_moment_in_which_the_page_is_made_anew_gets_there():
    app = AppTest.from_function(ended_by_its_job, default_timeout=60).run()
    assert [text.value for text in app.text] == ["where=there"]


def test_pages_are_made_anew_in_this_way_only():
    using = [path.name for path in FOLDER.rglob("*.py") if "st.rerun" in path.read_text()]
    assert using == ["cache.py"]
