"""A specialised model as an analysis: ask its endpoint about a plan row, and say who answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from wetread.core.errors import problem
from wetread.core.findings import AnalysisFindings, AnalysisSource, ImageReference
from wetread.core.pixels.squares import PIXELS_SQUARED
from wetread.core.predictions.adapters import ADAPTERS, Adapter
from wetread.core.predictions.contract import Prediction, PredictionError, Question
from wetread.core.predictions.found import Answer, findings_of
from wetread.core.predictions.linear_head import LinearHead
from wetread.core.predictions.patches import tile_patches
from wetread.core.predictions.payload import Form, Payload, Source, batches, choose, fits
from wetread.core.routing.analysis import Analysis, Input, Scope
from wetread.gcp.concurrency import ahead
from wetread.gcp.picture_notes import PictureNotes
from wetread.gcp.row_images import RowImages
from wetread.gcp.series_images import Picture
from wetread.gcp.staged_pictures import StagedPictures
from wetread.gcp.vertex import Endpoint, PredictionResponse, VertexClient

MODEL_REFUSED = "model-refused"
_REQUESTS_AT_ONCE = 2
"""Enough that a model never waits for pictures; models of one endpoint share its machines."""
_INSTANCES_PER_REQUEST = 16


@dataclass(frozen=True)
class _Asked:
    """One instance of a request: the question, the images it is about, and what is sent."""

    question: Question
    images: Mapping[str, ImageReference]
    instance: Mapping[str, Any]
    is_to_scale: bool = True


@dataclass(frozen=True)
class _Answered:
    """What is kept of one instance until all are there: neither its picture nor its vectors."""

    images: Mapping[str, ImageReference]
    is_to_scale: bool
    by: PredictionResponse
    prediction: Prediction | PredictionError

    @property
    def frame(self) -> ImageReference:
        """The frame that was sent, or the first of several images."""
        return next(iter(self.images.values()))


@dataclass(frozen=True)
class ModelAnalysis:
    """Asks one model about one plan row.

    Parameters
    ----------
    settings_digest : of what determines the findings besides the images
    access_token : makes the token that lets the model read what an address names
    dicomweb_url : address of the DICOM store, ending in ``/dicomWeb``
    staged : where a picture lies that is too large for a request
    head : reads the weights that make scores of a foundation model's embeddings
    """

    vertex: VertexClient
    analysis: Analysis
    settings_digest: str
    access_token: Callable[[], str | None]
    dicomweb_url: str
    staged: StagedPictures
    head: Callable[[str], LinearHead]
    subject: str

    def of_pictures(
        self,
        images: RowImages,
        sampled: Sequence[ImageReference],
        notes: PictureNotes,
        pictures: Iterable[Picture],
        created_at: str,
    ) -> AnalysisFindings:
        """Return the findings of the ``sampled`` frames, whose pictures arrive in any order.

        Raises
        ------
        PermanentError
            ``endpoint-unusable``, ``prediction-malformed``, ``picture-too-large``,
            ``request-rejected``, ``not-found``.
        RetriableError
            ``service-unavailable``, ``answer-malformed``, ``model-failed``.
        """
        endpoint = self.vertex.find_endpoint(self.analysis.endpoint)
        asked = (self._about_picture(images, picture, endpoint) for picture in pictures)
        answered = {one.frame: one for one in self._ask(endpoint, asked)}
        in_order = [answered[frame] for frame in sampled if frame in answered]
        return self._findings(images, notes, in_order, created_at)

    def of_references(
        self, images: RowImages, sampled: Sequence[ImageReference], created_at: str
    ) -> AnalysisFindings:
        """Return the findings of what the model reads from the DICOM store itself.

        ``sampled`` are the tiles to look at, of a slide. Raises as :meth:`of_pictures`.
        """
        endpoint = self.vertex.find_endpoint(self.analysis.endpoint)
        asked = self._references(images, sampled, endpoint)
        notes = PictureNotes(dict.fromkeys(images.row.sop_instance_uids, "not-sampled"))
        return self._findings(images, notes, list(self._ask(endpoint, asked)), created_at)

    def _references(
        self, images: RowImages, sampled: Sequence[ImageReference], endpoint: Endpoint
    ) -> Iterator[_Asked]:
        everything = {uid: images.reference(uid) for uid in images.wanted}
        study = images.study_instance_uid
        if self.analysis.input is Input.TILES:
            level = {frame.sop_instance_uid: frame for frame in sampled}
            patches = tile_patches(sampled, images.wanted)
            series = images.row.series_instance_uid
            yield self._about(images, level, endpoint, (study, series), patches=patches)
        elif self.analysis.scope is Scope.STUDY:
            yield self._about(images, everything, endpoint, (study,))
        elif self.analysis.input is Input.VOLUME:
            yield self._about(images, everything, endpoint, (study, images.row.series_instance_uid))
        else:
            for uid, image in everything.items():
                path = (study, image.series_instance_uid, uid)
                yield self._about(images, {uid: image}, endpoint, path)

    def _about(
        self,
        images: RowImages,
        sent: Mapping[str, ImageReference],
        endpoint: Endpoint,
        path: Sequence[str],
        **asked: Any,
    ) -> _Asked:
        levels = ("studies", "series", "instances")
        names = "".join(f"/{level}/{uid}" for level, uid in zip(levels, path, strict=False))
        extents = {uid: images.extent(uid) for uid in sent}
        is_partial = not images.is_all_of(path)
        question = self._question(images=extents, is_partial=is_partial, **asked)
        source = Source(dicomweb_uri=f"{self.dicomweb_url}{names}")
        return _Asked(question, sent, self._instance(source, question, endpoint))

    def _about_picture(self, images: RowImages, picture: Picture, endpoint: Endpoint) -> _Asked:
        uid, is_to_scale = picture.frame.sop_instance_uid, PIXELS_SQUARED not in picture.remarks
        extents = {uid: replace(images.extent(uid), frames=1)} if is_to_scale else {}
        question = self._question(images=extents)
        content = Source(content=picture.png)
        if Form.GCS in self._adapter.forms and not fits(picture.png, endpoint.limits):
            content = Source(gcs_uri=self.staged.put(picture.png))
        instance = self._instance(content, question, endpoint)
        return _Asked(question, {uid: picture.frame}, instance, is_to_scale)

    def _instance(
        self, source: Source, question: Question, endpoint: Endpoint
    ) -> Mapping[str, Any]:
        token = None if source.content is not None else self.access_token()
        payload: Payload = choose(source, self._adapter.forms, endpoint.limits, token, self.subject)
        return self._adapter.instance(payload, question)

    def _question(self, **known: Any) -> Question:
        codes = frozenset(self.analysis.findings)
        return Question(codes=codes, head=self._head, prompt=self.analysis.prompt, **known)

    @cached_property
    def _head(self) -> LinearHead | None:
        """The weights, read once: all scores of an analysis are made with the same."""
        return self.head(self.analysis.head) if self.analysis.head else None

    def _ask(self, endpoint: Endpoint, asked: Iterable[_Asked]) -> Iterator[_Answered]:
        """Send a request's worth of instances at a time, while the next ones are made."""

        def send(request: Sequence[_Asked]) -> list[_Answered]:
            response = self.vertex.predict(
                endpoint,
                [one.instance for one in request],
                timeout_seconds=self.analysis.timeout_seconds,
                subject=self.subject,
            )
            by = replace(response, predictions=())
            return [
                _Answered(one.images, one.is_to_scale, by, self._read(prediction, one.question))
                for one, prediction in zip(request, response.predictions, strict=True)
            ]

        for answers in ahead(_REQUESTS_AT_ONCE, send, _requests(asked, endpoint)):
            yield from answers

    def _read(self, prediction: object, question: Question) -> Prediction | PredictionError:
        read = self._adapter.read(prediction, question)
        if isinstance(read, Prediction) or read.is_judgement:
            return read
        if read.is_malformed:
            raise problem("prediction-malformed", f"{self.subject}: {read.description}")
        raise problem("model-failed", f"{self.subject}: {read.description}")

    def _findings(
        self,
        images: RowImages,
        notes: PictureNotes,
        answered: Sequence[_Answered],
        created_at: str,
    ) -> AnalysisFindings:
        answers = []
        for one in answered:
            refused = isinstance(one.prediction, PredictionError)
            for uid in one.images:
                notes.looked_at(uid, MODEL_REFUSED if refused else "analysed")
            if not isinstance(one.prediction, PredictionError):
                answers.append(Answer(one.prediction, one.images, one.is_to_scale))
        findings, absences = findings_of(answers, self.analysis.findings, self.subject)
        return AnalysisFindings(
            row_id=images.row.row_id,
            analysis_id=self.analysis.id,
            series_instance_uid=images.row.series_instance_uid,
            modality=images.row.modality,
            source=self._source(answered),
            created_at=created_at,
            is_specialised=True,
            findings=findings,
            absences=absences,
            texts=tuple(text for answer in answers for text in answer.prediction.texts),
            outcomes=images.outcomes(notes.reasons),
            images=sum(answer.prediction.images for answer in answers),
            **notes.as_findings(),
        )

    def _source(self, answered: Sequence[_Answered]) -> AnalysisSource:
        """Say who answered; while traffic is split, that may be more than one version."""
        responses = {one.by for one in answered}
        models = [
            one.prediction.model
            for one in answered
            if isinstance(one.prediction, Prediction) and one.prediction.model
        ]
        records = [self.vertex.model_record(r.model, r.model_version_id) for r in responses]
        return AnalysisSource(
            name=self.analysis.endpoint,
            version=_joined(response.model_version_id for response in responses),
            settings_digest=self.settings_digest,
            deployed_model=_joined(response.deployed_model_id for response in responses),
            weights_digest=_joined(model.weights_digest for model in models),
            container=_joined(record.image_uri for record in records),
        )

    @property
    def _adapter(self) -> Adapter:
        return ADAPTERS[self.analysis.adapter]


def _requests(asked: Iterable[_Asked], endpoint: Endpoint) -> Iterator[list[_Asked]]:
    waiting: list[_Asked] = []

    def instances() -> Iterator[Mapping[str, Any]]:
        for one in asked:
            waiting.append(one)
            yield one.instance

    for batch in batches(instances(), endpoint.limits, _INSTANCES_PER_REQUEST):
        yield waiting[: len(batch)]
        del waiting[: len(batch)]


def _joined(names: Iterable[str]) -> str:
    return "+".join(sorted({name for name in names if name}))
