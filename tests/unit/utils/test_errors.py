from simpleflow.utils import format_exc, format_exc_type


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


class Outer:
    class Inner(Exception):
        pass


def test_format_exc_type() -> None:
    assert format_exc_type(ValueError) == "ValueError"
    assert format_exc_type(Outer.Inner) == f"{__name__}.Outer.Inner"


def test_format_exc() -> None:
    assert format_exc(ValueError("bad")) == "ValueError: bad"
    assert format_exc(ValueError()) == "ValueError"
    assert format_exc(Unspeakable()) == f"{__name__}.Unspeakable: <unprintable Unspeakable object>"
