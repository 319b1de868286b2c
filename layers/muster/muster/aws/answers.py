"""The answers of a watched endpoint, their labels, and what they are compared with: all that `measure_quality` reads."""

from dataclasses import dataclass
from datetime import datetime

from muster import live_bias, naming, quality
from muster.aws.captures import Captures
from muster.aws.documents import baseline_of, evidence_of, json_of, policy, redaction_key_of, spec_of
from muster.aws.ground_truth import GroundTruth
from muster.aws.ledger import Ledger
from muster.aws.ledger_endpoints import Endpoints
from muster.aws.s3 import ObjectStore
from muster.aws.window_files import files_of, opened
from muster.captures import CapturedFile
from muster.contracts.base import iso, parse
from muster.contracts.evaluation import EvaluationReport
from muster.contracts.monitoring import Watched, Window
from muster.contracts.quality import LiveBias
from muster.contracts.spec import ModelSpec
from muster.settings import Settings
from muster_numerics.reference import Reference, reference


@dataclass(frozen=True)
class AnswerFiles:
    """Files of a stretch of time: those that are read of captures and labels, and what the report says of them."""

    captures: list[CapturedFile]
    labels: list[CapturedFile]
    sources: quality.Sources


@dataclass(frozen=True)
class Answers:
    """A watched endpoint's answers."""

    watched: Watched
    names: Settings
    store: ObjectStore
    spec: ModelSpec
    reference: Reference

    @classmethod
    def of(cls, watched: Watched, names: Settings) -> "Answers":
        """Read spec and baseline, each exactly the one that is watched by."""
        store = ObjectStore.of(names)
        spec = spec_of(store, watched.spec.uri, watched.spec.digest)
        document = baseline_of(store, watched.baseline)
        held = reference(document.payload(), redaction_key_of(store, document))
        return cls(watched, names, store, spec, held)

    @property
    def most_bytes(self) -> int:
        """What is read of each kind of file at most."""
        return policy()[0].monitoring.quality_bytes

    def stretch(self) -> Window | str:
        """Return whose answers are judged, or why there are none yet."""
        live = Endpoints(Ledger.of(self.names)).live(self.watched.endpoint)
        if live is None or live.package_arn != self.watched.package_arn:
            return f"{self.watched.package_arn} serves no more at {self.watched.endpoint}"
        asked = self.spec.monitoring.quality
        found = quality.stretch(self.watched.window.end, asked, live.at)
        return found or f"the model serves since {iso(live.at)}: answers are judged {asked.delay_hours} hours later"

    def files(self, window: Window, until: datetime) -> AnswerFiles:
        """List the stretch's captures and the labels that were collected since, and choose what is read of them."""
        captures = Captures.of(self.names).between(self.watched.endpoint, window.start, window.end)
        labels = GroundTruth.of(self.names).between(self.watched.endpoint, window.start, until)
        read, known = quality.chosen(captures, self.most_bytes), quality.chosen(labels, self.most_bytes)
        sources = quality.Sources(window, quality.files_read(read, captures), quality.files_read(known, labels))
        return AnswerFiles(read, known, sources)

    def registered(self) -> EvaluationReport:
        """Return the evaluation that the model was registered with."""
        key = naming.evidence_key(self.watched.model, self.watched.evidence_digest)
        uri = naming.s3_uri(self.names.evidence_bucket, key)
        found = evidence_of(self.store, uri, self.watched.evidence_digest).evaluation
        data = self.store.read_pinned(found.evaluation_uri, found.evaluation_digest)
        return parse(EvaluationReport, json_of(data, "evaluation.json"), "evaluation.json")

    def proportions(self, batches: int) -> tuple[LiveBias, ...]:
        """Return how the window's own answers differ between groups, which needs no labels; of binary models only."""
        if self.spec.problem_type != "binary" or not live_bias.facets_in(self.spec, self.reference):
            return ()
        files = quality.chosen(files_of(self.store, self.watched, batches), self.most_bytes)
        return live_bias.proportions(opened(self.store, files), self.reference, self.spec, policy()[0])
