"""What Muster uses and us-gov-east-1 lacks. It is deployed to us-gov-west-1; this is what stands in the way of East.

By cfn-lint's lists of resource types per region, which a test compares with this one. A type that CloudFormation lacks
says that the service part has not been announced there; the API itself was not asked, since no account was at hand.
"""

DEPLOYED_TO = "us-gov-west-1"
OTHER = "us-gov-east-1"

EAST_LACKS = {
    "AWS::SageMaker::Model": "deployment creates it for each approved package",
    "AWS::SageMaker::EndpointConfig": "deployment creates it for each approved package",
    "AWS::SageMaker::Endpoint": "deployment and rollback create and update it",
    "AWS::SageMaker::ModelPackage": "registration creates it; the approver answers in it",
    "AWS::SageMaker::ModelPackageGroup": "registration creates it for each model",
}
"""Resource type, and what of Muster needs it. All of them are created by API: the templates need no type that East
lacks, so the stacks deploy there, and the first registration or deployment may fail."""
