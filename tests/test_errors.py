from rca.errors import choices


def test_choices_are_sorted_quoted_and_few() -> None:
    assert choices("ba") == "'a', 'b'"
    assert choices(range(5), limit=2) == "'0', '1' and 3 more"
    assert choices([]) == "none"
