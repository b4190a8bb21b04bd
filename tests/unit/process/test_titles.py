import pytest
import setproctitle

from simpleflow.process.titles import set_title


@pytest.fixture
def title(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    written: list[str] = []
    monkeypatch.setattr(setproctitle, "setproctitle", written.append)
    return written


def test_a_title_tells_class_properties_and_state(title: list[str]) -> None:
    set_title("Worker", "running", domain="d", task_list="t")
    assert title == ["simpleflow Worker(domain=d, task_list=t)[running]"]


def test_titles_can_be_left_alone(title: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMPLEFLOW_DISABLE_SETPROCTITLE", "yes")
    set_title("Worker", "running")
    assert title == []
