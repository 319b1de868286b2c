"""What an installation of Muster is called and where its things are: values, read from nowhere.

The runtime of the functions fills them from the environment, a test writes them down.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Names of one installation (one prefix in one account and region).

    Attributes
    ----------
    prefix
        First part of the names of everything that the installation owns.
    partition, region, account
        Where it is, as CloudFormation's pseudo parameters say it.
    data_bucket, records_bucket, evidence_bucket, work_bucket, capture_bucket
        Bucket names.
    ledger_table, topic_arn, event_bus
        DynamoDB table, notifications topic, own event bus (name).
    data_key_arn, models_key_arn, evidence_key_arn, ledger_key_arn
        Customer-managed KMS keys, one per category of data.
    job_role_arn, endpoint_role_arn
        Execution roles of SageMaker's jobs and endpoints.
    subnets, security_groups
        Where jobs and endpoints have their network interfaces.
    object_lock, object_lock_days
        Retention of what is written to the records and evidence buckets.
    machine_roles
        IAM role names that are Muster's own: never an approver, and a start by one of them is not a person's.
    """

    prefix: str
    partition: str
    region: str
    account: str
    data_bucket: str
    records_bucket: str
    evidence_bucket: str
    work_bucket: str
    capture_bucket: str
    ledger_table: str
    topic_arn: str
    event_bus: str
    data_key_arn: str
    models_key_arn: str
    evidence_key_arn: str
    ledger_key_arn: str
    job_role_arn: str
    endpoint_role_arn: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    object_lock: Literal["none", "governance", "compliance"] = "none"
    object_lock_days: int = 0
    machine_roles: tuple[str, ...] = ()
