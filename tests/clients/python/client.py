"""A coaching client in Python: the life of a scorecard, errors with their details, deadlines, metadata, reflection.

Usage: client.py ADDRESS, with the generated stubs on PYTHONPATH. Ends with 1 at the first surprise.
"""

import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

from cresta.v1.coaching import coaching_pb2 as api
from cresta.v1.coaching import coaching_pb2_grpc, scorecard_pb2, scorecard_template_pb2, target_pb2

PARENT = "customers/c/profiles/p"
TEMPLATE = f"{PARENT}/scorecardTemplates/calls"


def template():
    form = scorecard_template_pb2.ScorecardTemplate(name=TEMPLATE, title="Call quality")
    chapter = form.template.chapters.add(id="opening", display_name="Opening")
    chapter.criteria.add(id="greeting", required=True, weight=1).yes_no.SetInParent()
    tone = chapter.criteria.add(id="tone", weight=3)
    tone.range.max = 5
    tone.range.step = 1
    return form


def draft(**fields):
    return scorecard_pb2.Scorecard(
        template_name=TEMPLATE,
        agent_user_name="customers/c/users/ann",
        conversation_name=f"{PARENT}/conversations/1",
        **fields,
    )


def refusal(call, code):
    """Makes a call that must be refused so; answers its details by type."""
    try:
        answer = call()
    except grpc.RpcError as error:
        assert error.code() == code, f"{error.code()}: {error.details()}"
        status = rpc_status.from_call(error)
        assert status is not None, "no grpc-status-details-bin"
        assert status.code == code.value[0] and status.message == error.details()
        found = {}
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest):
            for packed in status.details:
                if packed.Is(kind.DESCRIPTOR):
                    found[kind] = kind.FromString(packed.value)
        return found
    raise AssertionError(f"not refused with {code}: {answer}")


def life_of_a_scorecard(stub):
    made = stub.CreateScorecardTemplate(
        api.CreateScorecardTemplateRequest(parent=PARENT, scorecard_template=template())
    )
    assert made.scorecard_template.name == TEMPLATE
    scores = [
        scorecard_pb2.Score(criterion_id="greeting", numeric_value=1),
        scorecard_pb2.Score(criterion_id="tone", numeric_value=4),
    ]
    card = stub.CreateScorecard(
        api.CreateScorecardRequest(parent=PARENT, scorecard=draft(name=f"{PARENT}/scorecards/s", scores=scores))
    ).scorecard
    assert card.total_score == 85.0, card
    assert card.template_name.startswith(TEMPLATE + "@"), card
    card = stub.UpdateScorecard(
        api.UpdateScorecardRequest(
            scorecard=scorecard_pb2.Scorecard(name=card.name, comment="warm", etag=card.etag),
            update_mask=FieldMask(paths=["comment"]),
        )
    ).scorecard
    assert card.comment == "warm" and card.total_score == 85.0, card
    card = stub.SubmitScorecard(api.SubmitScorecardRequest(name=card.name)).scorecard
    assert card.HasField("submit_time"), card
    listed = stub.ListScorecards(api.ListScorecardsRequest(parent=PARENT, submitted=True))
    assert [one.name for one in listed.scorecards] == [card.name], listed
    card = stub.ResetScorecard(api.ResetScorecardRequest(name=card.name)).scorecard
    assert not card.HasField("submit_time") and not card.comment, card


def target(stub):
    wanted = target_pb2.Target(
        name=f"{PARENT}/targets/t",
        scorecard_template_name=TEMPLATE,
        usecase_name=f"{PARENT}/usecases/voice",
        target=90,
    )
    stub.CreateTarget(api.CreateTargetRequest(parent=PARENT, target=wanted))
    assert stub.GetTarget(api.GetTargetRequest(name=wanted.name)).target.target == 90


def errors_carry_details(stub):
    absent = refusal(
        lambda: stub.GetScorecard(api.GetScorecardRequest(name=f"{PARENT}/scorecards/none")), grpc.StatusCode.NOT_FOUND
    )
    assert absent[error_details_pb2.ErrorInfo].reason == "RESOURCE_NOT_FOUND", absent
    wrong = refusal(
        lambda: stub.CreateScorecard(api.CreateScorecardRequest(parent=PARENT, scorecard=scorecard_pb2.Scorecard())),
        grpc.StatusCode.INVALID_ARGUMENT,
    )
    fields = {violation.field for violation in wrong[error_details_pb2.BadRequest].field_violations}
    assert {"scorecard.templateName", "scorecard.agentUserName"} <= fields, wrong


def idempotent_create(stub):
    metadata = [("idempotency-key", str(uuid.uuid4()))]
    request = api.CreateScorecardRequest(parent=PARENT, scorecard=draft())
    first = stub.CreateScorecard(request, metadata=metadata)
    assert stub.CreateScorecard(request, metadata=metadata) == first


def metadata_goes_both_ways(stub):
    request = api.CreateScorecardRequest(parent=PARENT, scorecard=draft())
    metadata = [("x-request-id", "from-python"), ("x-coaching-user", "customers/c/users/greta"), ("x-coaching-role", "grader")]
    answer, call = stub.CreateScorecard.with_call(request, metadata=metadata)
    assert answer.scorecard.creator.name == "customers/c/users/greta", answer
    assert dict(call.initial_metadata())["x-request-id"] == "from-python", call.initial_metadata()


def deadline(channel, stub):
    # A watch never ends by itself.
    watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=0.3)
    try:
        for _ in watch:
            pass
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
    else:
        raise AssertionError("the watch ended")
    assert stub.ListScorecards(api.ListScorecardsRequest(parent=PARENT), timeout=30).scorecards


def compressed(address):
    with grpc.insecure_channel(address, compression=grpc.Compression.Gzip) as channel:
        stub = coaching_pb2_grpc.CoachingServiceStub(channel)
        assert stub.ListScorecards(api.ListScorecardsRequest(parent=PARENT)).scorecards


def many_calls_at_once(stub):
    def create(number):
        card = draft(name=f"{PARENT}/scorecards/many-{number}", comment="x" * number)
        return stub.CreateScorecard(api.CreateScorecardRequest(parent=PARENT, scorecard=card)).scorecard.name

    with ThreadPoolExecutor(16) as pool:
        made = set(pool.map(create, range(100)))
    found, token = [], ""
    while True:
        page = stub.ListScorecards(api.ListScorecardsRequest(parent=PARENT, page_size=7, page_token=token))
        found += [card.name for card in page.scorecards]
        token = page.next_page_token
        if not token:
            break
    assert len(found) == len(set(found)) and made <= set(found), f"{len(found)} listed"


def health(channel):
    stub = health_pb2_grpc.HealthStub(channel)
    for service in ("", "cresta.v1.coaching.CoachingService"):
        answer = stub.Check(health_pb2.HealthCheckRequest(service=service))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer


def reflection(channel):
    database = ProtoReflectionDescriptorDatabase(channel)
    assert "cresta.v1.coaching.CoachingService" in database.get_services()
    service = DescriptorPool(database).FindServiceByName("cresta.v1.coaching.CoachingService")
    assert service.methods_by_name["GetTarget"].output_type.full_name == "cresta.v1.coaching.GetTargetResponse"


def main(address):
    with grpc.insecure_channel(address) as channel:
        stub = coaching_pb2_grpc.CoachingServiceStub(channel)
        life_of_a_scorecard(stub)
        target(stub)
        errors_carry_details(stub)
        idempotent_create(stub)
        metadata_goes_both_ways(stub)
        deadline(channel, stub)
        compressed(address)
        many_calls_at_once(stub)
        health(channel)
        reflection(channel)


if __name__ == "__main__":
    main(sys.argv[1])
