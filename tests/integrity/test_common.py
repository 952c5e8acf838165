from rca.integrity._common import listed, percent, told


def test_shares_and_names_are_for_people() -> None:
    assert [percent(x) for x in (0.8713, 0.0213, 0.99999, 1.0, 0.00001)] == [
        "87 %",
        "2.1 %",
        "over 99.9 %",
        "100 %",
        "under 0.1 %",
    ]
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(list("abcde")) == "'a', 'b', 'c' and 2 more"


def test_where_a_damage_is_reads_well() -> None:
    assert told({"onset": "2024-02-01", "all_since": True}) == ", all of them since 2024-02-01"
    assert told({"segment": {"city": "Rome"}}) == " with city 'Rome'"
    assert told({}) == ""
