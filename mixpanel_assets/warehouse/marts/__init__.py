"""Tables that follow from landed events, whose days are replaced whole when those land again."""
