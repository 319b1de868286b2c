"""SAM CLI: ``sam validate --lint`` of every template, ``sam build``, ``sam package`` into the rehearsal's S3."""

import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checks.tools import templates
from checks.tools.report import REGION, Report, command, package, run, unexpected
from rehearsal.host import OWN_ACCESS_KEY, OWN_SECRET_KEY
from rehearsal.rehearsal import Rehearsal

_TOOL = "sam {} (" + package("aws-sam-cli") + ")"
_BUILT = Path(".aws-sam/build/template.yaml")
_REFERENCE = re.compile(r"^\s+(?:CodeUri|ContentUri|DefinitionUri|Location):\s*(\S*)$", re.MULTILINE)


def validate(root: Path) -> Report:
    """Validate and lint each template for GovCloud West."""
    tool = _TOOL.format("validate --lint")
    paths = templates.sources(root)

    halves = [[str(path.relative_to(root)) for path in paths[part::2]] for part in (0, 1)]

    def check(half: list[str]) -> tuple[str, ...]:
        ended = run([command("python"), "-m", "checks.tools.sam_validate", *half], root)
        found = tuple(ended.stdout.splitlines())
        return found or (unexpected(tool, ended).findings if ended.returncode else ())

    with ThreadPoolExecutor(2) as pool:
        findings = tuple(each for found in pool.map(check, halves) for each in found)
    return Report(tool, f"{len(paths)} templates, {REGION}", findings)


def build(root: Path) -> Report:
    """Build every function and the layer, as `sam deploy` would take them."""
    tool = _TOOL.format("build")
    ended = run([command("sam"), "build", "--cached", "--parallel"], root)
    if ended.returncode:
        return unexpected(tool, ended)
    built = sum(1 for each in (root / _BUILT).parent.rglob("app.py"))
    return Report(tool, f"{built} functions and the layer")


def upload(root: Path) -> Report:
    """Package what `build` has built: every artifact goes to a bucket, and the template names it there."""
    tool = _TOOL.format("package")
    with Rehearsal(root) as rehearsal, tempfile.TemporaryDirectory() as folder:
        s3 = rehearsal.client("s3")
        s3.create_bucket(Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": REGION})
        packaged = Path(folder) / "packaged.yaml"
        arguments = [command("sam"), "package", "--template-file", str(_BUILT), "--s3-bucket", "artifacts"]
        ended = run(
            [*arguments, "--region", REGION, "--output-template-file", str(packaged)],
            root,
            {
                "AWS_ENDPOINT_URL": rehearsal.endpoint,
                "AWS_ACCESS_KEY_ID": OWN_ACCESS_KEY,
                "AWS_SECRET_ACCESS_KEY": OWN_SECRET_KEY,
            },
        )
        if ended.returncode:
            return unexpected(tool, ended)
        objects = [each["Key"] for each in s3.list_objects_v2(Bucket="artifacts")["Contents"]]
        texts = [packaged.read_text(encoding="utf-8")]
        texts += [
            s3.get_object(Bucket="artifacts", Key=key)["Body"].read().decode()
            for key in objects
            if key.endswith(".template")
        ]
    references = [each for text in texts for each in _REFERENCE.findall(text) if each]
    local = [each for each in references if not each.startswith(("s3://", "http"))]
    findings = tuple(f"packaged template: found the local path {each}, wanted an address in S3" for each in local)
    return Report(tool, f"{len(objects)} objects; {len(references)} references of {len(texts)} templates", findings)
