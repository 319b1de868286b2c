"""Functions run as in Lambda: own environment and role, error types, limits, retries, logs, sources."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from rehearsal import Rehearsal, lambdas
from rehearsal.host import ACCOUNT, PARTITION, REGION, Host
from rehearsal.lambdas.recorder import Call
from rehearsal.template import assets

SLOW = 0.4  # seconds that a function sleeps where two must overlap


@pytest.fixture(scope="module")
def host(rehearsal: Rehearsal) -> Host:
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "sqs:*", "sns:Publish"]
    _role(rehearsal.host, "worker", actions)
    return rehearsal.host


def _role(host: Host, name: str, actions: list[str], service: str = "lambda.amazonaws.com") -> str:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    iam = host.client("iam")
    arn = iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_role_policy(RoleName=name, PolicyName="all", PolicyDocument=json.dumps(allow))
    return arn["Role"]["Arn"]


class Function:
    """A function made of source text."""

    def __init__(self, host: Host, name: str, source: str, **options: object) -> None:
        self.host, self.name = host, name
        self.client = host.client("lambda")
        given = {"Runtime": "python3.12", "Handler": "index.handler", "Role": host.arn("iam", "role/worker", region="")}
        self.arn = self.client.create_function(
            FunctionName=name, Code={"ZipFile": assets.inline(source)}, **{**given, **options}
        )["FunctionArn"]

    def __call__(self, event: object = None, **options: object) -> object:
        answer = self.client.invoke(FunctionName=self.name, Payload=json.dumps(event), **options)
        self.error = answer.get("FunctionError")
        # print("ANSWER", answer)
        return json.loads(answer["Payload"].read() or "null")

    def calls(self) -> list[Call]:
        return [call for call in lambdas.calls() if call.function == self.name]


def test_event_goes_in_and_result_comes_out_of_a_warm_process(host: Host) -> None:
    # Given a function that tells its process and what it has been given
    function = Function(
        host, "echo", "import os\ndef handler(event, context):\n    return {'event': event, 'pid': os.getpid()}"
    )
    # When it is called twice
    first, second = function({"a": [1, "ü"]}), function({"a": 2})
    # Then the result is there, and the second call needed no new process
    assert first["event"] == {"a": [1, "ü"]}
    assert second["pid"] == first["pid"]
    assert [call.cold for call in function.calls()] == [True, False]
    assert all(call.error is None and call.seconds > 0 for call in function.calls())


def test_environment_is_the_functions_own(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given variables of the host that a function must not see
    monkeypatch.setenv("HOST_SECRET", "1")
    source = """
import os, sys
def handler(event, context):
    return {"env": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "modules": sorted(sys.modules)}
"""
    function = Function(host, "surroundings", source, Environment={"Variables": {"TABLE": "ledger"}}, MemorySize=256)
    # When it looks around
    seen = function()
    environment = seen["env"]
    # Then it finds its own variables, Lambda's, credentials of its role, and nothing of the host
    assert environment["TABLE"] == "ledger"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "surroundings"
    assert environment["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "256"
    assert environment["AWS_REGION"] == environment["AWS_DEFAULT_REGION"] == REGION
    assert environment["_HANDLER"] == "index.handler"
    assert environment["LAMBDA_TASK_ROOT"] == seen["cwd"] == seen["path"][0]
    assert environment["AWS_ENDPOINT_URL"] == host.endpoint
    assert environment["POWERTOOLS_TRACE_DISABLED"] == "1"
    assert host.iam.session(environment["AWS_ACCESS_KEY_ID"]).role_name == "worker"
    assert "HOST_SECRET" not in environment
    assert str(Path(lambdas.__file__).parents[2]) not in seen["path"]
    assert "moto" not in seen["modules"]


def test_context_has_what_lambda_gives(host: Host) -> None:
    # Given a function with a timeout
    source = """
def handler(event, context):
    names = ("function_name", "function_version", "invoked_function_arn", "memory_limit_in_mb", "aws_request_id",
             "log_group_name", "log_stream_name", "client_context")
    return {**{n: getattr(context, n) for n in names}, "left": context.get_remaining_time_in_millis(),
            "identity": context.identity.cognito_identity_id}
"""
    function = Function(host, "context", source, Timeout=30, MemorySize=128)
    # When it reads its context
    seen = function()
    # Then all members are there, with the types that they have in AWS
    assert seen["function_name"] == "context"
    assert seen["function_version"] == "$LATEST"
    assert seen["invoked_function_arn"] == function.arn
    assert seen["memory_limit_in_mb"] == "128"
    assert seen["log_group_name"] == "/aws/lambda/context"
    assert "[$LATEST]" in seen["log_stream_name"]
    assert 29_000 < seen["left"] <= 30_000
    assert seen["aws_request_id"] == function.calls()[0].request_id


def test_layer_is_importable_and_the_later_one_wins(host: Host) -> None:
    # Given two layers with the same module
    client = host.client("lambda")
    arns = []
    for index, text in enumerate(("WHO = 'first'", "WHO = 'second'")):
        folder = host.workdir / f"layer{index}"
        folder.mkdir()
        (folder / "shared.py").write_text(text)
        content = {"ZipFile": assets.archive(folder, "python/")}
        arns.append(client.publish_layer_version(LayerName=f"layer{index}", Content=content)["LayerVersionArn"])
    # When a function with both is called
    function = Function(host, "layered", "import shared\ndef handler(e, c): return shared.WHO", Layers=arns)
    # Then it imports the later one
    assert function() == "second"


RAISES = """
class BadGate(Exception): pass
def deeper(): raise BadGate("auc is 0.4")
def handler(event, context): return deeper()
"""


def test_exception_is_reported_with_type_message_and_trace(host: Host) -> None:
    # Given a function that raises an exception of its own
    function = Function(host, "raises", RAISES)
    # When it is called
    error = function()
    # Then the answer is what Lambda's runtime reports
    assert function.error == "Unhandled"
    assert (error["errorType"], error["errorMessage"]) == ("BadGate", "auc is 0.4")
    assert error["requestId"] == function.calls()[0].request_id
    assert error["stackTrace"] == [
        '  File "/var/task/index.py", line 4, in handler\n    def handler(event, context): return deeper()\n',
        '  File "/var/task/index.py", line 3, in deeper\n    def deeper(): raise BadGate("auc is 0.4")\n',
    ] or error["stackTrace"][-1].startswith('  File "/var/task/index.py", line 3, in deeper')
    assert function.calls()[0].error == "BadGate"


@pytest.mark.parametrize(
    ("source", "handler", "kind", "message"),
    [
        ("import not_there", "index.handler", "Runtime.ImportModuleError",
         "Unable to import module 'index': No module named 'not_there'"),
        ("x = 1", "index.handler", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'index'"),
        ("def handler(:", "index.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'index'"),
        ("x = 1", "handler", "Runtime.MalformedHandlerName", "Bad handler 'handler'"),
        ("raise KeyError('TABLE')", "index.handler", "KeyError", "'TABLE'"),
        ("def handler(e, c): return {1, 2}", "index.handler", "Runtime.MarshalError",
         "Unable to marshal response: Object of type set is not JSON serializable"),
        ("def handler(e, c): return float('nan')", "index.handler", "Runtime.MarshalError",
         "Unable to marshal response: Out of range float values are not JSON compliant"),
        ("import sys\ndef handler(e, c): sys.exit(3)", "index.handler", "Runtime.ExitError",
         "Runtime exited with error: exit status 3"),
        ("import os, signal\ndef handler(e, c): os.kill(os.getpid(), signal.SIGKILL)", "index.handler",
         "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        ("def handler(e, c): return bytearray(500_000_000) and 1", "index.handler", "Runtime.OutOfMemory",
         "Runtime exited with error: signal: killed"),
        ("def handler(e, c): return 'x' * 6_300_000", "index.handler", "Function.ResponseSizeTooLarge",
         "Response payload size (6300002 bytes) exceeded maximum allowed payload size (6291556 bytes)."),
    ],
)  # fmt: skip
def test_runtime_faults_have_lambdas_names(host: Host, source: str, handler: str, kind: str, message: str) -> None:
    # Given a function that the runtime cannot run
    function = Function(host, f"fault{abs(hash((source, handler)))}", source, Handler=handler, MemorySize=256)
    # When it is called
    error = function()
    # Then the error has the name and the text that Lambda gives it
    assert error["errorType"] == kind
    assert message in error["errorMessage"]
    # And the function can be called again
    assert function()["errorType"] == kind


def test_timeout_ends_the_process_in_real_seconds(host: Host) -> None:
    # Given a function that takes longer than its timeout, in a rehearsal whose time jumps
    source = "import os, time\ndef handler(e, c):\n    if e: time.sleep(30)\n    return os.getpid()"
    function = Function(host, "slow", source, Timeout=1)
    process = function(0)
    # When it is called
    begun = time.monotonic()
    error = function(1)
    # Then it is stopped after one second, and the next call gets a new process
    assert 0.9 < time.monotonic() - begun < 3
    assert error["errorType"] == "Sandbox.Timedout"
    assert error["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert function(0) != process


def test_reserved_concurrency_is_the_limit(host: Host) -> None:
    # Given a function of which two may run at once
    function = Function(host, "narrow", f"import time\ndef handler(e, c): time.sleep({SLOW})")
    function.client.put_function_concurrency(FunctionName="narrow", ReservedConcurrentExecutions=2)

    def call(_: int) -> str:
        try:
            function()
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "ran"

    # When three call it at once
    with ThreadPoolExecutor(3) as threads:
        results = sorted(threads.map(call, range(3)))
    # Then one is throttled
    assert results == ["TooManyRequestsException", "ran", "ran"]


def test_events_above_the_size_limit_are_refused(host: Host) -> None:
    # Given a function
    function = Function(host, "small", "def handler(e, c): return len(e)")
    # Then an event of 6 MB is refused, and an asynchronous one of 1 MB
    for size, kind in ((6 * 1024 * 1024, "RequestResponse"), (1024 * 1024, "Event")):
        with pytest.raises(ClientError, match=r"RequestEntityTooLargeException.*must be smaller than"):
            function("x" * size, InvocationType=kind)
    assert function("x" * 5_000_000) == 5_000_000


def test_logs_reach_cloudwatch_and_a_file(host: Host) -> None:
    # Given a function that prints and logs
    source = """
import logging
def handler(event, context):
    print("printed")
    logging.getLogger().warning("logged %s", event)
    raise ValueError("no\\nway")
"""
    function = Function(host, "talker", source)
    # When it is called
    answer = function.client.invoke(FunctionName="talker", Payload=b"5", LogType="Tail")
    # Then its log is in its group, in Lambda's format
    events = host.client("logs").filter_log_events(logGroupName="/aws/lambda/talker")["events"]
    lines = [event["message"] for event in events]
    assert lines[0].startswith("START RequestId: ")
    assert lines[1] == "printed"
    assert lines[2].startswith("[WARNING]\t")
    assert lines[2].endswith("\tlogged 5")
    assert lines[3].startswith("[ERROR] ValueError: no")
    assert lines[-1].startswith("REPORT RequestId: ")
    # And in a file, and its end in the answer
    assert "logged 5" in lambdas.log_file("talker").read_text()
    assert answer["LogResult"]


def test_role_without_permission_to_log_runs_without_a_log(host: Host) -> None:
    # Given a function whose role may not write logs
    role = _role(host, "silent", ["sqs:*"])
    function = Function(host, "silent", "def handler(e, c): return 1", Role=role)
    # When it is called
    assert function() == 1
    # Then there is no log group, and the refusal is on record
    groups = host.client("logs").describe_log_groups(logGroupNamePrefix="/aws/lambda/silent")["logGroups"]
    assert groups == []
    assert "logs:CreateLogGroup" in {call.action for call in host.iam.denied() if call.principal == role}


def test_role_that_lambda_cannot_assume_is_refused_at_creation(host: Host) -> None:
    # Given a role that trusts another service
    role = _role(host, "foreign", ["sns:Publish"], service="states.amazonaws.com")
    # Then a function with it cannot be created
    with pytest.raises(ClientError, match="The role defined for the function cannot be assumed by Lambda"):
        Function(host, "foreign", "x = 1", Role=role)


def test_function_in_a_vpc_needs_network_permissions(host: Host) -> None:
    # Given a role that may not create network interfaces
    network = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    # Then a function in a VPC cannot be created with it
    with pytest.raises(ClientError, match="does not have permissions to call CreateNetworkInterface on EC2"):
        Function(host, "inside", "x = 1", VpcConfig=network)


def test_changed_code_and_configuration_take_effect_at_the_next_call(host: Host) -> None:
    # Given a function that has run
    function = Function(host, "changing", "import os\ndef handler(e, c): return ['old', os.environ.get('V')]")
    assert function() == ["old", None]
    # When its code and its variables change
    new = assets.inline("import os\ndef handler(e, c): return ['new', os.environ.get('V')]")
    function.client.update_function_code(FunctionName="changing", ZipFile=new)
    function.client.update_function_configuration(FunctionName="changing", Environment={"Variables": {"V": "2"}})
    # Then the next call runs the new function
    assert function() == ["new", "2"]


def test_function_acts_with_the_credentials_of_its_role(host: Host) -> None:
    # Given a function that calls an API which its role does not allow
    source = "import boto3\ndef handler(e, c): boto3.client('dynamodb').list_tables()"
    function = Function(host, "acting", source)
    # When it is called
    error = function()
    # Then the denial names the role's session as AWS does
    assert error["errorType"] in ("ClientError", "AccessDeniedException")
    session = f"arn:{PARTITION}:sts::{ACCOUNT}:assumed-role/worker/acting"
    assert f"User: {session} is not authorized to perform: dynamodb:ListTables" in error["errorMessage"]


def _drain(host: Host, url: str) -> list[dict[str, object]]:
    """Return the messages of a queue, waiting for the first in rehearsal time."""
    found: list[dict[str, object]] = []

    def some() -> bool:
        found.extend(
            host.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
            .get("Messages", [])
        )  # fmt: skip
        return bool(found)

    assert host.clock.wait_for(some, 3600.0, every=30.0), "nothing arrived within an hour"
    return found


def test_failing_event_is_retried_twice_then_sent_on(host: Host) -> None:
    # Given a function that fails, with a dead-letter queue and a destination for failures
    sqs = host.client("sqs")
    urls = {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "failed")}
    arns = {name: host.arn("sqs", name) for name in urls}
    function = Function(host, "failing", RAISES, DeadLetterConfig={"TargetArn": arns["dead"]})
    function.client.put_function_event_invoke_config(
        FunctionName="failing", DestinationConfig={"OnFailure": {"Destination": arns["failed"]}}
    )
    begun = host.clock.time()
    # When it is given an event
    answer = function.client.invoke(FunctionName="failing", InvocationType="Event", Payload=b'{"n": 1}')
    assert answer["StatusCode"] == 202
    record = json.loads(_drain(host, urls["failed"])[0]["Body"])
    # Then it was tried three times within three minutes of rehearsal time
    assert len(function.calls()) == 3
    assert len({call.request_id for call in function.calls()}) == 1
    assert host.clock.time() - begun >= 180
    # And the record says so
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestPayload"] == {"n": 1}
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "BadGate"
    # And the event itself is in the dead-letter queue
    dead = _drain(host, urls["dead"])[0]
    assert json.loads(dead["Body"]) == {"n": 1}
    assert dead["MessageAttributes"]["ErrorMessage"]["StringValue"] == "auc is 0.4"


def test_throttled_event_waits_until_it_is_too_old(host: Host) -> None:
    # Given a function that may not run at all, whose events are given up after ten minutes
    url = host.client("sqs").create_queue(QueueName="tooold")["QueueUrl"]
    function = Function(host, "blocked", "def handler(e, c): return 1")
    function.client.put_function_concurrency(FunctionName="blocked", ReservedConcurrentExecutions=0)
    function.client.put_function_event_invoke_config(
        FunctionName="blocked",
        MaximumEventAgeInSeconds=600,
        DestinationConfig={"OnFailure": {"Destination": host.arn("sqs", "tooold")}},
    )
    begun = host.clock.time()
    # When it is given an event
    function(1, InvocationType="Event")
    record = json.loads(_drain(host, url)[0]["Body"])
    # Then the event ends at the destination, without ever having been tried
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record
    assert function.calls() == []
    assert host.clock.time() - begun > 200  # waits of 1, 2, 4 ... seconds, as long as the next one ends in time


def test_successful_event_is_recorded_at_its_destination(host: Host) -> None:
    # Given a function with a destination for successes
    url = host.client("sqs").create_queue(QueueName="fine")["QueueUrl"]
    function = Function(host, "fine", "def handler(e, c): return {'n': e['n'] + 1}")
    function.client.put_function_event_invoke_config(
        FunctionName="fine", DestinationConfig={"OnSuccess": {"Destination": host.arn("sqs", "fine")}}
    )
    # When it is given an event
    function({"n": 1}, InvocationType="Event")
    record = json.loads(_drain(host, url)[0]["Body"])
    # Then the record has request and response
    assert record["requestContext"]["condition"] == "Success"
    assert (record["requestPayload"], record["responsePayload"]) == ({"n": 1}, {"n": 2})


def test_topic_invokes_a_function_that_lets_it(host: Host) -> None:
    # Given a topic with two functions, of which one lets the topic invoke it
    sns, sqs = host.client("sns"), host.client("sqs")
    url = sqs.create_queue(QueueName="heard")["QueueUrl"]
    topic = sns.create_topic(Name="news")["TopicArn"]
    tell = f"""
import boto3, json
def handler(event, context):
    boto3.client("sqs").send_message(QueueUrl={url!r}, MessageBody=json.dumps([context.function_name, event]))
"""
    for name in ("listener", "stranger"):
        function = Function(host, name, tell)
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    host.client("lambda").add_permission(
        FunctionName="listener",
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="sns.amazonaws.com",
        SourceArn=topic,
    )
    # When something is published
    published = sns.publish(TopicArn=topic, Message="hello", Subject="s")["MessageId"]
    # Then that one has the record of it, with the topic's name
    messages = [json.loads(message["Body"]) for message in _drain(host, url)]
    assert [name for name, _ in messages] == ["listener"]
    record = messages[0][1]["Records"][0]
    assert record["EventSource"] == "aws:sns"
    assert (record["Sns"]["TopicArn"], record["Sns"]["MessageId"], record["Sns"]["Message"]) == (
        topic,
        published,
        "hello",
    )


def test_queue_is_polled_in_batches_and_failures_come_again(host: Host) -> None:
    # Given a queue with three messages, and a function that fails on one of them the first time
    sqs = host.client("sqs")
    url = sqs.create_queue(QueueName="work", Attributes={"VisibilityTimeout": "90"})["QueueUrl"]
    done = sqs.create_queue(QueueName="done")["QueueUrl"]
    for body in ("a", "b", "c"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    source = f"""
import boto3
def handler(event, context):
    failed = [r["messageId"] for r in event["Records"]
              if r["body"] == "b" and r["attributes"]["ApproximateReceiveCount"] == "1"]
    good = "".join(sorted(r["body"] for r in event["Records"] if r["messageId"] not in failed))
    boto3.client("sqs").send_message(QueueUrl={done!r}, MessageBody=good)
    return {{"batchItemFailures": [{{"itemIdentifier": each}} for each in failed]}}
"""
    function = Function(host, "batches", source)
    # When the queue is mapped to it
    function.client.create_event_source_mapping(
        EventSourceArn=host.arn("sqs", "work"),
        FunctionName="batches",
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    bodies = [message["Body"] for message in _drain(host, done)]
    while len(bodies) < 2:
        bodies += [message["Body"] for message in _drain(host, done)]
    # Then all came in one batch, and the failed one again after the visibility timeout
    assert bodies == ["ac", "b"]


def test_role_that_cannot_read_the_queue_is_refused_at_mapping(host: Host) -> None:
    # Given a function whose role may not receive messages
    role = _role(host, "deaf", ["sns:Publish"])
    Function(host, "deaf", "x = 1", Role=role)
    host.client("sqs").create_queue(QueueName="quiet")
    # Then the queue cannot be mapped to it
    with pytest.raises(ClientError, match="does not have permissions to call ReceiveMessage on SQS"):
        host.client("lambda").create_event_source_mapping(EventSourceArn=host.arn("sqs", "quiet"), FunctionName="deaf")


def test_configuration_that_moto_drops_is_kept(host: Host) -> None:
    # Given a function with its own log group and a dead-letter queue
    host.client("sqs").create_queue(QueueName="kept")
    queue = host.arn("sqs", "kept")
    Function(
        host, "kept", "def handler(e, c): return c.log_group_name",
        LoggingConfig={"LogGroup": "/muster/kept"}, DeadLetterConfig={"TargetArn": queue},
    )  # fmt: skip
    # Then GetFunctionConfiguration tells them, and the function uses them
    told = host.client("lambda").get_function_configuration(FunctionName="kept")
    assert told["LoggingConfig"]["LogGroup"] == "/muster/kept"
    assert told["DeadLetterConfig"]["TargetArn"] == queue
    answer = host.client("lambda").invoke(FunctionName="kept")
    assert json.loads(answer["Payload"].read()) == "/muster/kept"


def test_moto_has_the_symbols_that_are_replaced() -> None:
    # Given the pinned moto, when the patches are installed again, then nothing has moved
    from rehearsal.lambdas import patches

    patches.install()
