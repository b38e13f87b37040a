"""Whole or absent: files and folders are written beside their place, flushed to disk and renamed.

A folder that replaces another is put in place by two renames; a crash between them leaves the old one beside it, whole.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dynamo_plan.errors import Fault, InputError


def refuse_occupied(target: Path, marker: str, *, force: bool) -> None:
    """Raise unless `target` may be written: absent, an empty folder, or with `force` a folder of ours.

    Parameters
    ----------
    target : Path
        Folder to write.
    marker : str
        File that every folder of this sort holds; `force` never replaces a folder without it.

    Raises
    ------
    InputError
        With the mend.
    """
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir():
        raise InputError(
            Fault("output-occupied", str(target), "this is a file", "A folder is written here", "Choose another folder")
        )
    if not (target / marker).is_file():
        raise InputError(
            Fault(
                "output-occupied",
                str(target),
                f"the folder is not empty and holds no {marker}, so this program did not write it",
                "Only an empty folder, or with --force an earlier one of the same sort, is replaced",
                "Choose another folder",
            )
        )
    if not force:
        raise InputError(
            Fault(
                "output-exists",
                str(target),
                "the folder exists already",
                "Nothing is overwritten unasked",
                "Choose another folder, or replace this one with --force",
            )
        )


@contextmanager
def whole_folder(target: Path, marker: str, *, force: bool = False) -> Iterator[Path]:
    """Give an empty folder to write into; it takes `target`'s place when the body ends well, and vanishes otherwise.

    Raises
    ------
    InputError
        `target` is occupied (see `refuse_occupied`), or the place cannot be written.
    """
    refuse_occupied(target, marker, force=force)
    # Resolved, so that a symbolic link keeps leading to the folder and the rename stays inside one file system.
    target = target.resolve()
    draft = target.with_name(f".{target.name}.{os.getpid()}.draft")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft.mkdir()
        yield draft
        _flush(draft)
        _swap(draft, target)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def write_whole_file(path: Path, content: bytes) -> None:
    """Write or replace one file; `InputError` if it cannot be written."""
    write_new_file(path, content, force=True)


def refuse_existing_file(path: Path, *, force: bool) -> None:
    """Raise unless a file may be written here: the path is free, or with `force` an earlier file.

    Raises
    ------
    InputError
        With the mend.
    """
    if path.is_dir():
        raise InputError(
            Fault("output-occupied", str(path), "this is a folder", "A file is written here", "Choose another name")
        )
    if path.exists() and not force:
        raise InputError(
            Fault(
                "output-exists",
                str(path),
                "the file exists already",
                "Nothing is overwritten unasked",
                "Choose another name, or replace this one with --force",
            )
        )


def write_new_file(path: Path, content: bytes, *, force: bool = False) -> None:
    """Write one file, and replace an earlier one only with `force`; folders above it are made.

    Raises
    ------
    InputError
        The path is taken, or cannot be written.
    """
    with new_file(path, force=force) as file:
        file.write(content)


@contextmanager
def new_file(path: Path, *, force: bool = False) -> Iterator[BinaryIO]:
    """Give a file to write into; it takes its place when the body ends well, and vanishes otherwise. Folders above it are made.

    Raises
    ------
    InputError
        The path is taken and there is no `force`, or it cannot be written.
    """
    refuse_existing_file(path, force=force)
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        if draft.is_file():  # where the folder could not be made, there is nothing to take away
            draft.unlink()


def unwritable(path: Path, error: OSError) -> InputError:
    """What to say of a file or folder that cannot be written."""
    return InputError(
        Fault(
            "output-unwritable",
            str(path),
            f"cannot be written ({error.strerror or error})",
            "The folder above it must be writable and the disk must have room",
            "Make it writable, or choose another folder",
        )
    )


def _swap(draft: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.{os.getpid()}.replaced")
    if target.exists():
        target.rename(old)
    try:
        draft.rename(target)
    except BaseException:  # an interrupt too: the earlier folder must not be lost
        if old.exists():
            old.rename(target)
        raise
    _flush_path(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        _flush_path(path)
    _flush_path(folder)


def _flush_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
