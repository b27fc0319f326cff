"""What can be asked: one frozen class a question, from which every door to it is derived."""
