"""What the pages tell a newcomer to type works, and prints what they show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.console import Step, inline_steps, not_printed, steps

PAGES = (
    "docs/tutorial/first-plan.md",
    "docs/tutorial/from-benchmarks.md",
    "docs/how-to/approve-a-plan.md",
    "docs/how-to/bring-your-own-profile.md",
    "docs/how-to/compare-systems.md",
    "docs/how-to/forecast-the-load.md",
    "docs/how-to/import-a-melange-case.md",
    "docs/how-to/load-does-not-fit.md",
    "docs/how-to/load-from-logs.md",
    "docs/how-to/read-what-binds.md",
    "docs/how-to/hand-on-the-schedule.md",
    "docs/how-to/replay-a-plan.md",
    "docs/how-to/report-a-plan.md",
    "docs/how-to/what-if.md",
)
SET_UP = ("make ", "source ")
"""Commands that need a checkout of one's own; `tests/architecture` sees to make."""


def run(step: Step, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a step as a user would, with this environment's `dynamo-plan` first on PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    shell = {"console": ["bash", "-c"], "python": [sys.executable, "-c"]}[step.language]
    return subprocess.run(
        [*shell, step.text],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def play(page: list[Step], root: Path, folder: Path) -> None:
    """Run all steps of a page in one folder that has the checkout's data at its usual place."""
    for name in ("examples", "profiles"):
        (folder / name).symlink_to(root / name)
    todo = [step for step in page if not step.text.startswith(SET_UP)]
    assert todo
    for step in todo:
        done = run(step, folder)
        assert done.returncode == 0, f"{step.text}\n{done.stdout}"
        assert not_printed(step.shown, done.stdout) == [], f"{step.text}\n{done.stdout}"


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(page: str, root: Path, tmp_path: Path) -> None:
    play(list(steps((root / page).read_text(encoding="utf-8"))), root, tmp_path)


@pytest.mark.slow
def test_the_readme_can_be_followed(root: Path, tmp_path: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    commands = list(inline_steps(text))
    assert len(commands) >= 4
    play([*steps(text), *commands], root, tmp_path)


def test_every_page_with_commands_is_followed(root: Path) -> None:
    pages = {
        path.relative_to(root).as_posix()
        for path in sorted((root / "docs").rglob("*.md"))
        if any(steps(path.read_text(encoding="utf-8")))
    }
    assert pages == set(PAGES)


def test_steps_of_a_page_are_found() -> None:
    page = """Text with `dynamo-plan solve a/b.yaml -d runs/c` and `dynamo-plan explain NAME`.

   ```console
   $ ls out
   a ... z
     b
   $ true
   ```

```
$ not a console block
```

```python
print(1)
```
"""
    assert list(steps(page)) == [
        Step("console", "ls out", ("a ... z", "b")),
        Step("console", "true", ()),
        Step("python", "print(1)\n", ()),
    ]
    assert [step.text for step in inline_steps(page)] == ["dynamo-plan solve a/b.yaml -d runs/c"]


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (("one", "three"), []),
        (("o... d", "th"), ["o... d"]),
        (("t...o",), []),
        (("three", "one"), ["one"]),
        (("two words",), ["two words"]),
    ],
)
def test_what_is_shown_must_be_printed_in_order(shown: tuple[str, ...], missing: list[str]) -> None:
    assert not_printed(shown, "one\n  two\nthree\n") == missing


def test_a_command_that_fails_is_seen(root: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not-a-command"):
        play([Step("console", "not-a-command", ())], root, tmp_path)
