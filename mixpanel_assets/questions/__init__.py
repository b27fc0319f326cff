"""Questions: one frozen class each, from which methods, commands and configs are derived."""
