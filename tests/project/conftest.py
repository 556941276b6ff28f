import sys

import pytest

from project import cli
from tests.project.commands import Ended, Tome


@pytest.fixture
def tome(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tome:
    """Runs a command in this process."""

    def call(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["tome", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as end:
            cli.main()
        shown = capsys.readouterr()
        return Ended(int(end.value.code or 0), shown.out, shown.err)

    return call
