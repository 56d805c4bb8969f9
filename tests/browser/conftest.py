"""Pages in a real browser. `make test` uses each page once; the rest takes minutes and is left to the campaigns."""

from pathlib import Path

import pytest

IN_MAKE_TEST = {
    "test_a_call_is_tried_with_a_key[api_url]",
    "test_a_page_buys_an_image_and_shows_it",
    "test_an_image_is_downloaded_edited_and_varied_by_keyboard",
    "test_a_visitor_draws_one_picture_after_the_other",
    "test_the_first_picture_comes_with_its_price_and_the_code_behind_it",
    "test_what_got_no_answer_is_sent_again_as_the_same_purchase[break]",
    "test_what_got_no_answer_is_sent_again_as_the_same_purchase[gateway_failure]",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the others as nightly."""
    for item in items:
        if item.path.parent == Path(__file__).parent and item.name not in IN_MAKE_TEST:
            item.add_marker(pytest.mark.nightly)
