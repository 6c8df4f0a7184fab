"""What a stranger may try: each attack within bounds of processor time and memory."""
