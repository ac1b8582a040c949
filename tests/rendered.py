"""All that a page draws and hands out, as text that can be searched."""

import io
import zipfile
from collections.abc import Iterator

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Block, Element


def watched_downloads(monkeypatch: pytest.MonkeyPatch) -> list[bytes | str]:
    """All that the download buttons of a page would hand out, from now on."""
    files = []
    usual = st.download_button

    def watched(label, data, *arguments, **named):
        files.append(data() if callable(data) else data)
        return usual(label, b"", *arguments, **named)

    monkeypatch.setattr(st, "download_button", watched)
    return files


def text_of(file: bytes | str) -> str:
    """A file as text; of a workbook, all its parts."""
    if isinstance(file, str):
        return file
    if file.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(file)) as parts:
            return "\n".join(parts.read(name).decode("utf-8", "replace") for name in parts.namelist())
    return file.decode("utf-8", "replace")


def drawn(app: AppTest) -> str:
    """Everything that the server sent for this page, as it was sent: elements, tables, figures, options."""
    found, left = [], [app._tree]
    while left:
        node = left.pop()
        left.extend(getattr(node, "children", {}).values())
        if getattr(node, "proto", None) is not None:
            found.append(node.proto.SerializeToString().decode("utf-8", "replace"))
    return "\n".join(found)


def elements(block: Block) -> Iterator[Element]:
    """All that is on a page, in order."""
    for child in block.children.values():
        if isinstance(child, Block):
            yield from elements(child)
        else:
            yield child
