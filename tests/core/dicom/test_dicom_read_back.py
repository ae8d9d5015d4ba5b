"""What standard readers see of the objects: the finding where the phantom has it."""

from __future__ import annotations

import base64
from dataclasses import replace
from functools import cache
from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from highdicom.spatial import ImageToReferenceTransformer
from pydicom import Dataset, dcmread
from tests.core.dicom.result_cases import (
    ANALYSIS,
    COLUMNS,
    MODEL,
    ROWS,
    STUDY,
    built,
    from_store,
    headers,
    reference,
    slide,
)

from samples import chest_ct
from samples.thorax import Nodule
from wetread.core.dicom.results import ResultObject, build_results
from wetread.core.findings import (
    AnalysisFindings,
    Candidate,
    CandidateKind,
    Finding,
    ImageReference,
    Mask,
    Measurement,
    Region,
)
from wetread.core.pixels.reading import read_instance
from wetread.core.pixels.rendering import render_frame

NODULE = Nodule()
SIZE, SPACING_MM = 128, 5.0
PIXEL_MM = chest_ct.FIELD_OF_VIEW_MM / SIZE
YELLOW = (255, 225, 60)


@cache
def phantom() -> tuple[Dataset, ...]:
    files = chest_ct.build(
        "ct-chest-nodule", size=SIZE, slices=20, spacing_mm=SPACING_MM, nodule=NODULE
    )
    return tuple(read_instance(file.content) for file in files)


def sphere(image: Dataset) -> np.ndarray:
    """Return which pixels of a slice the nodule covers."""
    x0, y0, z = (float(value) for value in image.ImagePositionPatient)
    axis = np.arange(SIZE) * PIXEL_MM
    x, y = x0 + axis[None, :] - NODULE.centre_mm[0], y0 + axis[:, None] - NODULE.centre_mm[1]
    return x**2 + y**2 + (z - NODULE.centre_mm[2]) ** 2 <= (NODULE.diameter_mm / 2) ** 2


def nodule() -> Finding:
    """Return what a model that makes no mistake says of the phantom."""
    covered = {str(image.SOPInstanceUID): sphere(image) for image in phantom()}
    covered = {uid: plane for uid, plane in covered.items() if plane.any()}
    planes = np.stack(list(covered.values()))
    rows, columns = (np.flatnonzero(planes.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    box = planes[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    middle = max(phantom(), key=lambda image: int(sphere(image).sum()))
    half = chest_ct.FIELD_OF_VIEW_MM / 2
    x, y, _ = NODULE.centre_mm
    radius = NODULE.diameter_mm / 2
    corner = ((value - radius + half) / (2 * half) for value in (x, y))
    side = NODULE.diameter_mm / (2 * half)
    return Finding(
        "pulmonary-nodule",
        0.93,
        0.5,
        ImageReference(
            str(middle.SeriesInstanceUID), str(middle.SOPInstanceUID), str(middle.SOPClassUID)
        ),
        Region(*corner, side, side),
        NODULE.centre_mm,
        (Measurement("diameter", NODULE.diameter_mm, "mm"),),
        Mask(
            tuple(covered),
            int(rows[0]),
            int(columns[0]),
            *box.shape[1:],
            base64.b64encode(np.packbits(box).tobytes()).decode("ascii"),
        ),
    )


@cache
def results() -> dict[str, ResultObject]:
    found = nodule()
    analysis = AnalysisFindings(
        row_id="s01",
        analysis_id="nodule",
        series_instance_uid=found.image.series_instance_uid,
        modality="CT",
        source=MODEL,
        created_at="2026-01-02T23:04:05Z",
        findings=(found,),
        images=len(phantom()),
    )
    of = {str(image.SOPInstanceUID): from_store(image) for image in phantom()}
    (image,) = (i for i in phantom() if i.SOPInstanceUID == found.image.sop_instance_uid)
    pixels = render_frame(image, limit_bytes=2**26).pixels
    return {made.name.kind: made for made in build_results(analysis, of, pixels)}


def file(kind: str) -> BytesIO:
    return BytesIO(results()[kind].blob)


class TestNodule:
    def test_the_report_has_it_on_its_slice_at_its_place_in_its_size(self) -> None:
        content = hd.sr.srread(file("structured-report")).content
        (group,) = content.get_planar_roi_measurement_groups()
        assert group.finding_type.meaning == "Nodule"
        assert [site.value.meaning for site in group.finding_sites] == ["Lung"]
        uid = nodule().image.sop_instance_uid
        (source,) = (image for image in phantom() if image.SOPInstanceUID == uid)
        selected = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
        assert selected.ReferencedSOPInstanceUID == uid
        corners = ImageToReferenceTransformer.for_image(source)(group.roi.value)
        x, y, z = (corners.min(axis=0) + corners.max(axis=0)) / 2
        # The phantom gives the centres of pixels, its field of view reaches half a pixel further.
        assert (x, y) == pytest.approx(NODULE.centre_mm[:2], abs=PIXEL_MM / 2 + 0.01)
        assert z == pytest.approx(NODULE.centre_mm[2], abs=SPACING_MM / 2)
        assert np.ptp(corners[:, 0]) == pytest.approx(NODULE.diameter_mm, abs=0.01)
        measured = {
            item.name.value: (item.value, item.unit.value) for item in group.get_measurements()
        }
        assert measured["81827009"] == (NODULE.diameter_mm, "mm")
        assert measured["score"] == (0.93, "1")

    def test_the_segmentation_covers_it(self) -> None:
        segmentation = hd.seg.segread(file("segmentation"))
        volume = segmentation.get_volume(combine_segments=True)
        voxels = np.argwhere(volume.array)
        centre = volume.map_indices_to_reference(voxels.astype(float)).mean(axis=0)
        assert centre == pytest.approx(NODULE.centre_mm, abs=0.7)
        volume_mm3 = len(voxels) * np.prod(volume.spacing)
        assert volume_mm3 == pytest.approx(np.pi / 6 * NODULE.diameter_mm**3, rel=0.1)

    def test_segment_and_measurements_are_tracked_as_one_thing(self) -> None:
        segment = hd.seg.segread(file("segmentation")).get_segment_description(1)
        content = hd.sr.srread(file("structured-report")).content
        (group,) = content.get_planar_roi_measurement_groups(tracking_uid=segment.tracking_uid)
        assert segment.segmented_property_type == group.finding_type

    def test_the_key_objects_are_its_slice(self) -> None:
        document = hd.ko.KeyObjectSelectionDocument.from_dataset(dcmread(file("key-objects")))
        (item,) = document.content.get_references()
        expected = nodule().image
        found = document.resolve_reference(item.referenced_sop_instance_uid)
        assert found[1:] == (expected.series_instance_uid, expected.sop_instance_uid)

    def test_the_key_image_has_the_box_around_it(self) -> None:
        picture = hd.imread(file("key-image")).get_frame(1)
        middle = nodule().region
        assert middle
        image = picture.shape[1]
        bar = (picture.shape[0] - image) // 2
        yellow = (picture == YELLOW).all(axis=2)
        centre_x, centre_y = (round(value * image) for value in middle.centre)
        across = np.flatnonzero(yellow[bar + centre_y])
        assert across.min() == pytest.approx(middle.x * image, abs=3)
        assert across.max() == pytest.approx((middle.x + middle.width) * image, abs=3)
        # The label stands above the box.
        bottom = np.flatnonzero(yellow[:, centre_x]).max() - bar
        assert bottom == pytest.approx((middle.y + middle.height) * image, abs=3)
        inside = picture[bar + centre_y - 5 : bar + centre_y + 5, centre_x - 5 : centre_x + 5]
        left = across.min()
        outside = picture[bar + centre_y - 5 : bar + centre_y + 5, left - 30 : left - 20]
        assert inside.mean() > outside.mean() + 50, "the nodule is bright, the lung is dark"


class TestSlide:
    """A box in tile 5 of 3 x 2, the middle one of the lower row."""

    REGION = Region(0.25, 0.5, 0.5, 0.25)
    FRAME = 5

    def analysis(self) -> AnalysisFindings:
        found = Finding("pneumothorax", 0.8, 0.5, reference(1, "SM", self.FRAME), self.REGION)
        return replace(ANALYSIS, modality="SM", findings=(found,), candidates=(), absences=())

    def expected_mm(self) -> np.ndarray:
        """Rows go down the slide's y, columns down its x; both from the middle of a pixel."""
        columns = COLUMNS + np.array([0.25, 0.75, 0.75, 0.25]) * COLUMNS
        rows = ROWS + np.array([0.5, 0.5, 0.75, 0.75]) * ROWS
        y, x = 10 - (columns - 0.5) * 0.0005, 20 - (rows - 0.5) * 0.0005
        return np.stack([x, y, np.zeros(4)], axis=1)

    def sparse(self) -> Dataset:
        groups = []
        for frame in range(1, 7):
            plane, group = Dataset(), Dataset()
            plane.ColumnPositionInTotalImagePixelMatrix = 1 + (
                COLUMNS if frame == self.FRAME else 0
            )
            plane.RowPositionInTotalImagePixelMatrix = 1 + (ROWS if frame == self.FRAME else 0)
            group.PlanePositionSlideSequence = [plane]
            groups.append(group)
        return slide(
            1, DimensionOrganizationType="TILED_SPARSE", PerFrameFunctionalGroupsSequence=groups
        )

    @pytest.mark.parametrize("tiling", ["full", "sparse", "concatenated"])
    def test_report_and_annotations_have_it_in_millimetres(self, tiling: str) -> None:
        of = headers("SM")
        if tiling == "sparse":
            of[reference(1).sop_instance_uid] = from_store(self.sparse())
        analysis = self.analysis()
        if tiling == "concatenated":
            of = headers("SM", ConcatenationFrameOffsetNumber=3, NumberOfFrames=3)
            image = reference(1, "SM", self.FRAME - 3)
            analysis = replace(analysis, findings=(replace(analysis.findings[0], image=image),))
        objects = built(analysis, of)
        content = hd.sr.srread(BytesIO(objects["structured-report"].blob)).content
        (group,) = content.get_planar_roi_measurement_groups()
        assert isinstance(group.roi, hd.sr.ImageRegion3D)
        assert group.roi.value[:4] == pytest.approx(self.expected_mm(), abs=1e-6)
        annotations = hd.ann.annread(BytesIO(objects["annotations"].blob))
        (group,) = annotations.get_annotation_groups()
        (box,) = group.get_graphic_data("3D")
        assert box == pytest.approx(self.expected_mm(), abs=1e-6)

    def test_it_stays_in_pixels_where_nothing_says_where_the_slide_lies(self) -> None:
        objects = built(self.analysis(), headers("SM", TotalPixelMatrixOriginSequence=None))
        content = hd.sr.srread(BytesIO(objects["structured-report"].blob)).content
        (group,) = content.get_planar_roi_measurement_groups()
        selected = group.roi.ContentSequence[0].ReferencedSOPSequence[0]
        assert selected.ReferencedFrameNumber == self.FRAME
        assert group.roi.PixelOriginInterpretation == "FRAME"
        assert group.roi.value[0] == pytest.approx((0.25 * COLUMNS, 0.5 * ROWS))
        (group,) = hd.ann.annread(BytesIO(objects["annotations"].blob)).get_annotation_groups()
        (box,) = group.get_graphic_data("2D")
        assert box[0] == pytest.approx((1.25 * COLUMNS, 1.5 * ROWS))

    def test_annotations_without_a_place_are_not_written(self) -> None:
        """Tiles may come in any order; taking the first place for theirs would be a wrong one."""
        objects = built(self.analysis(), headers("SM", DimensionOrganizationType="TILED_SPARSE"))
        assert "annotations" not in objects
        assert "structured-report" in objects


class TestReport:
    def content(self, analysis: AnalysisFindings) -> hd.sr.MeasurementReport:
        return hd.sr.srread(BytesIO(built(analysis)["structured-report"].blob)).content

    def test_what_a_general_model_points_at_is_a_candidate_and_no_finding(self) -> None:
        seen = [
            Candidate(kind, "Nodule", 0.8, reference(1), Region(0.1, 0.1, 0.2, 0.2))
            for kind in CandidateKind
        ]
        content = self.content(replace(ANALYSIS, findings=(), candidates=tuple(seen)))
        groups = content.get_planar_roi_measurement_groups()
        assert {group.finding_type.scheme_designator for group in groups} == {"99WETREAD"}
        assert not any(group.finding_sites for group in groups)

    def test_what_was_looked_for_is_absent_and_no_finding(self) -> None:
        content = self.content(replace(ANALYSIS, findings=(), candidates=()))
        (group,) = content.get_image_measurement_groups()
        said = {
            item.name.meaning: item.value.meaning for item in group.get_qualitative_evaluations()
        }
        assert said["Pneumothorax"] == "Absent"
        assert group.finding_type is None

    def test_what_has_no_place_is_said_of_its_image(self) -> None:
        found = replace(ANALYSIS.findings[0], region=None, mask=None)
        content = self.content(replace(ANALYSIS, findings=(found,), candidates=(), absences=()))
        (group,) = content.get_image_measurement_groups()
        (image,) = group.source_images
        assert image.referenced_sop_instance_uid == found.image.sop_instance_uid

    def test_it_is_preliminary_and_by_a_device(self) -> None:
        report = hd.sr.srread(BytesIO(built()["structured-report"].blob))
        assert (report.PreliminaryFlag, report.VerificationFlag) == ("PRELIMINARY", "UNVERIFIED")
        assert report.StudyInstanceUID == STUDY
        (observer,) = report.content.get_observer_contexts()
        assert observer.observer_type.meaning == "Device"
        assert observer.observer_identifying_attributes.name == MODEL.name

    def test_it_says_which_model_with_which_weights_and_settings(self) -> None:
        (group, *_) = self.content(ANALYSIS).get_planar_roi_measurement_groups()
        said = {
            item.ConceptNameCodeSequence[0].CodeMeaning: item.TextValue
            for item in group[0].ContentSequence
            if item.ValueType == "TEXT"
        }
        assert said["Algorithm Name"] == MODEL.name
        assert said["Algorithm Version"] == MODEL.version
        segmentation = hd.seg.segread(BytesIO(built()["segmentation"].blob))
        algorithm = segmentation.get_segment_description(1).algorithm_identification
        assert algorithm.parameters == {
            "settings": "sha256:" + "d" * 64,
            "weights": "sha256:" + "e" * 64,
        }


def test_key_objects_name_the_frames_of_a_loop() -> None:
    found = [Finding("pneumothorax", 0.8, 0.5, reference(1, "US", frame)) for frame in (4, 2, 4)]
    analysis = replace(ANALYSIS, modality="US", findings=tuple(found), candidates=())
    document = dcmread(BytesIO(built(analysis)["key-objects"].blob))
    (image,) = (item for item in document.ContentSequence if item.ValueType == "IMAGE")
    assert list(image.ReferencedSOPSequence[0].ReferencedFrameNumber) == [2, 4]
