"""AWS::EC2::SecurityGroup, its rules as resources of their own, and AWS::EC2::VPCEndpoint."""

from __future__ import annotations

from typing import Any

from ..kinds import Kind, Made
from ..work import Work

_RULE = (
    "CidrIp",
    "CidrIpv6",
    "Description",
    "DestinationPrefixListId",
    "DestinationSecurityGroupId",
    "FromPort",
    "IpProtocol",
    "SourcePrefixListId",
    "SourceSecurityGroupId",
    "ToPort",
)


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    """Return one rule as the API's IpPermission."""
    described = {"Description": rule["Description"]} if "Description" in rule else {}
    made: dict[str, Any] = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    group = rule.get("SourceSecurityGroupId") or rule.get("DestinationSecurityGroupId")
    prefix = rule.get("SourcePrefixListId") or rule.get("DestinationPrefixListId")
    if "CidrIp" in rule:
        made["IpRanges"] = [{"CidrIp": rule["CidrIp"], **described}]
    if "CidrIpv6" in rule:
        made["Ipv6Ranges"] = [{"CidrIpv6": rule["CidrIpv6"], **described}]
    if group:
        made["UserIdGroupPairs"] = [{"GroupId": group, **described}]
    if prefix:
        made["PrefixListIds"] = [{"PrefixListId": prefix, **described}]
    return made


def _create_group(work: Work) -> Made:
    name = work.name("GroupName", 255)
    params: dict[str, Any] = {"GroupName": name, "Description": work.get("GroupDescription"), **work.only("VpcId")}
    if work.tags():
        params["TagSpecifications"] = [{"ResourceType": "security-group", "Tags": work.tag_list()}]
    group = work.call("ec2", "create_security_group", params)["GroupId"]
    if work.get("SecurityGroupEgress"):  # given egress rules replace the one that allows all
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        work.call("ec2", "revoke_security_group_egress", {"GroupId": group, "IpPermissions": everything})
        _authorize(work, group, "egress", work.get("SecurityGroupEgress"), "SecurityGroupEgress")
    if work.get("SecurityGroupIngress"):
        _authorize(work, group, "ingress", work.get("SecurityGroupIngress"), "SecurityGroupIngress")
    return Made(group, {"GroupId": group, "Id": group, "VpcId": work.get("VpcId")})


def _authorize(work: Work, group: str, way: str, rules: list[dict[str, Any]], place: str) -> None:
    permissions = [_permission(rule) for rule in rules]
    work.call("ec2", f"authorize_security_group_{way}", {"GroupId": group, "IpPermissions": permissions}, place)


def _rule(way: str) -> Any:
    def create(work: Work) -> Made:
        _authorize(work, work.get("GroupId"), way, [work.properties], "")
        return Made(work.name())

    return create


def _create_endpoint(work: Work) -> Made:
    params: dict[str, Any] = work.only(
        "PrivateDnsEnabled", "RouteTableIds", "SecurityGroupIds", "ServiceName", "SubnetIds", "VpcEndpointType", "VpcId"
    )
    if work.policy():
        params["PolicyDocument"] = work.policy()
    if work.tags():
        params["TagSpecifications"] = [{"ResourceType": "vpc-endpoint", "Tags": work.tag_list()}]
    endpoint = work.call("ec2", "create_vpc_endpoint", params)["VpcEndpoint"]["VpcEndpointId"]
    return Made(endpoint, {"Id": endpoint, "DnsEntries": [], "NetworkInterfaceIds": []})


_RULES = " ".join(_RULE)

KINDS = [
    Kind(
        "AWS::EC2::SecurityGroup",
        _create_group,
        "GroupDescription GroupName Tags VpcId "
        + " ".join(f"SecurityGroup{way}[].{name}" for way in ("Ingress", "Egress") for name in _RULE),
        required="GroupDescription",
    ),
    Kind("AWS::EC2::SecurityGroupIngress", _rule("ingress"), f"GroupId {_RULES}", required="GroupId IpProtocol"),
    Kind("AWS::EC2::SecurityGroupEgress", _rule("egress"), f"GroupId {_RULES}", required="GroupId IpProtocol"),
    Kind(
        "AWS::EC2::VPCEndpoint",
        _create_endpoint,
        """
        PolicyDocument PrivateDnsEnabled RouteTableIds SecurityGroupIds ServiceName SubnetIds Tags VpcEndpointType VpcId
        """,
        required="ServiceName VpcId",
    ),
]
