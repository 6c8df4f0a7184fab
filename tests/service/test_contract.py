"""The OpenAPI document is kept: what it allows is answered as it says, what it does not is refused, nothing fails."""

import pytest
import schemathesis
from hypothesis import Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from tests.service.conftest import Network, application, listening, picture

PHOTO = picture(40, 30)
CONFORMANCE = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
OPERATIONS = [
    ("GET", "/models"),
    ("POST", "/denoise"),
    ("POST", "/jobs"),
    ("GET", "/jobs/{job_id}"),
    ("DELETE", "/jobs/{job_id}"),
    ("GET", "/jobs/{job_id}/events"),
    ("GET", "/jobs/{job_id}/result"),
]
SHORT = settings(max_examples=25, deadline=None, derandomize=True, database=None, phases=[Phase.generate])


@pytest.fixture(scope="module")
def document():
    with listening(application(Network(), rate="100000/second", own_jobs=100_000, jobs=100_000)) as url:
        yield schemathesis.openapi.from_url(f"{url}/api/v1/openapi.json")


def test_document_has_these_operations(document):
    found = [each.ok() for each in document.get_all_operations()]
    assert sorted((each.method.upper(), each.path) for each in found) == sorted(OPERATIONS)


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_what_the_document_allows_is_answered_as_it_says(document, method, path):
    @SHORT
    @given(document[path][method].as_strategy())
    def keep(case):
        case.call_and_validate(checks=CONFORMANCE)

    keep()


@pytest.mark.parametrize("path", ["/denoise", "/jobs"])
def test_what_the_document_does_not_allow_is_refused(document, path):
    @SHORT
    @given(document[path]["POST"].as_strategy(generation_mode=GenerationMode.NEGATIVE))
    def keep(case):
        case.call_and_validate(checks=[*CONFORMANCE, checks.negative_data_rejection])

    keep()


@pytest.mark.parametrize("path", ["/denoise", "/jobs"])
def test_whatever_is_wished_for_a_real_photo_is_done(document, path):
    statuses = set()

    @SHORT
    @given(case=document[path]["POST"].as_strategy())
    def keep(case):
        case.media_type, case.body = "application/octet-stream", PHOTO
        statuses.add(case.call_and_validate(checks=CONFORMANCE).status_code)

    keep()
    assert statuses & {200, 202}
