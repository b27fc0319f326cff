"""How many tokens a text costs an agent, by a tokenizer that ships its vocabulary."""

import warnings
from functools import cache
from typing import Any

ENCODING = "o200k_base"


@cache
def _encoding() -> Any:
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        import bpe_openai

        return bpe_openai.get_encoding(ENCODING)


def tokens(text: str) -> int:
    """The number of tokens of the text."""
    return len(_encoding().encode(text))
