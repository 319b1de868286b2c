"""SageMaker: ARNs by the type of what is named, in lower case, and the condition keys of each create request."""

from __future__ import annotations

from typing import Any

from rehearsal.iam.keys import Need, Values
from rehearsal.iam.tables.plain import ANY
from rehearsal.iam.tables.rules import Ask, Rule, Table, prefixed, table

#: Type of resource as ARNs spell it -> the member that names it, and the operations that need an action on it.
_TYPES = {
    "training-job": ("TrainingJobName", "CreateTrainingJob DescribeTrainingJob StopTrainingJob UpdateTrainingJob"),
    "processing-job": (
        "ProcessingJobName",
        "CreateProcessingJob DescribeProcessingJob StopProcessingJob DeleteProcessingJob",
    ),
    "transform-job": ("TransformJobName", "CreateTransformJob DescribeTransformJob StopTransformJob"),
    "hyper-parameter-tuning-job": (
        "HyperParameterTuningJobName",
        "CreateHyperParameterTuningJob DescribeHyperParameterTuningJob StopHyperParameterTuningJob "
        "ListTrainingJobsForHyperParameterTuningJob",
    ),
    "model": ("ModelName", "CreateModel DescribeModel DeleteModel"),
    "endpoint-config": (
        "EndpointConfigName",
        "CreateEndpointConfig DescribeEndpointConfig DeleteEndpointConfig",
    ),
    "endpoint": (
        "EndpointName",
        "DescribeEndpoint DeleteEndpoint InvokeEndpoint InvokeEndpointAsync UpdateEndpointWeightsAndCapacities",
    ),
    "model-package-group": (
        "ModelPackageGroupName",
        "CreateModelPackageGroup DescribeModelPackageGroup DeleteModelPackageGroup GetModelPackageGroupPolicy "
        "PutModelPackageGroupPolicy DeleteModelPackageGroupPolicy",
    ),
    "monitoring-schedule": (
        "MonitoringScheduleName",
        "CreateMonitoringSchedule DescribeMonitoringSchedule StartMonitoringSchedule StopMonitoringSchedule "
        "UpdateMonitoringSchedule DeleteMonitoringSchedule ListMonitoringExecutions",
    ),
    "model-card": ("ModelCardName", "CreateModelCard DescribeModelCard UpdateModelCard DeleteModelCard"),
    "pipeline": (
        "PipelineName",
        "CreatePipeline DescribePipeline UpdatePipeline DeletePipeline StartPipelineExecution",
    ),
}


def name_arn(ask: Ask, kind: str, name: object) -> str:
    """Return the ARN of a resource named by name or ARN; SageMaker's ARNs hold names in lower case."""
    text = str(name)
    if text.startswith("arn:"):
        head, _, tail = text.rpartition(":")
        return f"{head}:{tail.lower()}"
    return ask.arn(f"{kind}/{text.lower()}")


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _vpc(config: Any) -> dict[str, Any]:
    config = config or {}
    return {"vpcsubnets": config.get("Subnets"), "vpcsecuritygroupids": config.get("SecurityGroupIds")}


def _training(ask: Ask, definition: Any = None) -> Values:
    get = (definition or ask.params).get
    resources, stop = get("ResourceConfig") or {}, get("StoppingCondition") or {}
    kinds = [
        resources.get("InstanceType"),
        *(each.get("InstanceType") for each in _items(resources.get("InstanceGroups"))),
    ]
    return prefixed(
        "sagemaker",
        instancetypes=[kind for kind in kinds if kind] or None,
        networkisolation=bool(get("EnableNetworkIsolation")),
        intercontainertrafficencryption=bool(get("EnableInterContainerTrafficEncryption")),
        maxruntimeinseconds=stop.get("MaxRuntimeInSeconds"),
        volumekmskey=resources.get("VolumeKmsKeyId"),
        keepaliveperiod=resources.get("KeepAlivePeriodInSeconds"),
        outputkmskey=(get("OutputDataConfig") or {}).get("KmsKeyId"),
        enableremotedebug=(get("RemoteDebugConfig") or {}).get("EnableRemoteDebug"),
        **_vpc(get("VpcConfig")),
    )


def _tuning(ask: Ask) -> Values:
    return _training(ask, ask.get("TrainingJobDefinition") or {})


def _processing(ask: Ask) -> Values:
    cluster, network = ask.get("ProcessingResources", "ClusterConfig") or {}, ask.get("NetworkConfig") or {}
    return prefixed(
        "sagemaker",
        instancetypes=cluster.get("InstanceType"),
        networkisolation=bool(network.get("EnableNetworkIsolation")),
        intercontainertrafficencryption=bool(network.get("EnableInterContainerTrafficEncryption")),
        maxruntimeinseconds=ask.get("StoppingCondition", "MaxRuntimeInSeconds"),
        volumekmskey=cluster.get("VolumeKmsKeyId"),
        outputkmskey=ask.get("ProcessingOutputConfig", "KmsKeyId"),
        **_vpc(network.get("VpcConfig")),
    )


def _transform(ask: Ask) -> Values:
    resources = ask.get("TransformResources") or {}
    return prefixed(
        "sagemaker",
        instancetypes=resources.get("InstanceType"),
        volumekmskey=resources.get("VolumeKmsKeyId"),
        outputkmskey=ask.get("TransformOutput", "KmsKeyId"),
        modelarn=name_arn(ask, "model", ask.params.get("ModelName")),
    )


def _model(ask: Ask) -> Values:
    isolated = bool(ask.params.get("EnableNetworkIsolation"))
    return prefixed("sagemaker", networkisolation=isolated, **_vpc(ask.get("VpcConfig")))


def _endpoint_config(ask: Ask) -> Values:
    variants = _items(ask.params.get("ProductionVariants")) + _items(ask.params.get("ShadowProductionVariants"))
    models = [name_arn(ask, "model", each["ModelName"]) for each in variants if each.get("ModelName")]
    serverless = [each["ServerlessConfig"] for each in variants if each.get("ServerlessConfig")]
    return prefixed(
        "sagemaker",
        instancetypes=[each["InstanceType"] for each in variants if each.get("InstanceType")] or None,
        modelarn=models or None,
        volumekmskey=ask.params.get("KmsKeyId"),
        networkisolation=ask.params.get("EnableNetworkIsolation"),
        serverlessmaxconcurrency=[each.get("MaxConcurrency") for each in serverless] or None,
        serverlessmemorysize=[each.get("MemorySizeInMB") for each in serverless] or None,
        **_vpc(ask.get("VpcConfig")),
    )


def _invocation(ask: Ask) -> Values:
    return prefixed("sagemaker", targetmodel=ask.params.get("TargetModel"))


_CONTEXTS = {
    "CreateTrainingJob": _training,
    "CreateHyperParameterTuningJob": _tuning,
    "CreateProcessingJob": _processing,
    "CreateTransformJob": _transform,
    "CreateModel": _model,
    "CreateEndpointConfig": _endpoint_config,
    "InvokeEndpoint": _invocation,
    "InvokeEndpointAsync": _invocation,
}


def _named(kind: str, member: str) -> Rule:
    def rule(ask: Ask) -> list[Need]:
        context = _CONTEXTS[ask.request.operation](ask) if ask.request.operation in _CONTEXTS else {}
        arn = name_arn(ask, kind, ask.params[member])
        return [ask.need(arn, context), *_tagging(ask, arn)]

    return rule


def _tagging(ask: Ask, arn: str) -> list[Need]:
    """Tags given at creation need sagemaker:AddTags too (Service Authorization Reference, dependent actions)."""
    if not ask.params.get("Tags") or not ask.request.operation.startswith("Create"):
        return []
    context = {"sagemaker:taggingaction": (ask.request.operation,)}
    return [ask.need(arn, context, action="sagemaker:AddTags", implied=True)]


def _endpoint_with_config(ask: Ask) -> list[Need]:
    arn = name_arn(ask, "endpoint", ask.params["EndpointName"])
    config = name_arn(ask, "endpoint-config", ask.params["EndpointConfigName"])
    return [ask.need(arn), ask.need(config), *_tagging(ask, arn)]


def _package_context(ask: Ask) -> Values:
    metadata = ask.params.get("CustomerMetadataProperties") or {}
    return {
        **prefixed(
            "sagemaker",
            modelapprovalstatus=ask.params.get("ModelApprovalStatus"),
            customermetadatapropertiestoremove=ask.params.get("CustomerMetadataPropertiesToRemove"),
        ),
        **{f"sagemaker:customermetadataproperties/{key.lower()}": (str(value),) for key, value in metadata.items()},
    }


def _create_package(ask: Ask) -> list[Need]:
    """A version needs the action on its group and on the version, whose number is not known yet."""
    context = _package_context(ask)
    group = ask.params.get("ModelPackageGroupName")
    if not group:
        arn = name_arn(ask, "model-package", ask.params.get("ModelPackageName"))
        return [ask.need(arn, context), *_tagging(ask, arn)]
    group_arn = name_arn(ask, "model-package-group", group)
    package = group_arn.replace(":model-package-group/", ":model-package/") + "/*"
    return [ask.need(group_arn, context), ask.need(package, context), *_tagging(ask, package)]


def _package(ask: Ask) -> list[Need]:
    name = ask.params.get("ModelPackageArn") or ask.params["ModelPackageName"]
    return [ask.need(name_arn(ask, "model-package", name), _package_context(ask))]


def _packages_of_group(ask: Ask) -> list[Need]:
    group = ask.params.get("ModelPackageGroupName")
    if not group:
        return [ask.need(ask.arn("model-package/*"))]
    return [ask.need(name_arn(ask, "model-package-group", group).replace("-package-group/", "-package/") + "/*")]


def _packages(ask: Ask) -> list[Need]:
    return [ask.need(name_arn(ask, "model-package", arn)) for arn in ask.params["ModelPackageArnList"]]


def _tags(ask: Ask) -> list[Need]:
    return [ask.need(name_arn(ask, "", ask.params["ResourceArn"]))]


SAGEMAKER: Table = {
    **{op: _named(kind, member) for kind, (member, ops) in _TYPES.items() for op in ops.split()},
    **table(
        ("CreateEndpoint UpdateEndpoint", _endpoint_with_config),
        ("CreateModelPackage", _create_package),
        ("DescribeModelPackage UpdateModelPackage DeleteModelPackage", _package),
        ("ListModelPackages", _packages_of_group),
        ("BatchDescribeModelPackage", _packages),
        ("AddTags ListTags DeleteTags", _tags),
        ("ListTrainingJobs ListProcessingJobs ListTransformJobs ListHyperParameterTuningJobs ListModels", ANY),
        ("ListEndpoints ListEndpointConfigs ListModelPackageGroups ListMonitoringSchedules ListModelCards", ANY),
        ("ListPipelines ListExperiments ListTrials ListTrialComponents Search ListDomains", ANY),
    ),
}
