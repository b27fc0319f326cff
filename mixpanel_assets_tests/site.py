"""The pages of the site that are outside docs/: mkdocs calls these hooks."""

import os
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)#]+)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages at the root of the checkout."""
    for name in OUTSIDE:
        files.append(File.generated(config, name, content=_root(config).joinpath(name).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make links from and to these pages relative to the site."""
    own = page.file.src_uri
    here = _root(config) if own in OUTSIDE else Path(config.docs_dir, own).parent

    def on_site(link: re.Match[str]) -> str:
        target = Path(os.path.normpath(here / link[0]))
        inside = target.is_relative_to(config.docs_dir)
        source = target.relative_to(config.docs_dir if inside else _root(config))
        return Path(os.path.relpath(source, Path(own).parent)).as_posix()

    return LINK.sub(on_site, markdown)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent
