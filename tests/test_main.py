"""The door of the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_program_that_cannot_be_loaded_says_so(tmp_path: Path) -> None:
    """Without compiled kernels the sentence stands alone; the kernels are hidden here, not removed."""
    hide = (
        "import sys\n"
        "for name in ('_parse_text', '_parse_digits', '_parse_frames', '_parse_elements', '_match_number'):\n"
        "    sys.modules['settlement.kernels.' + name] = None\n"
        "from settlement.__main__ import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", hide, "--help"], check=False, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 2
    assert done.stderr.startswith("settle: The compiled kernels are not built: run `make env`")
    assert "Traceback" not in done.stderr


def test_python_dash_m_is_the_command_line() -> None:
    done = subprocess.run([sys.executable, "-m", "settlement", "--help"], check=False, capture_output=True, text=True)
    assert done.returncode == 0
    assert "verify" in done.stdout
