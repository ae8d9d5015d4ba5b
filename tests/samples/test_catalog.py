"""The sample studies are what the catalogue says: same bytes, one identity, right geometry."""

from __future__ import annotations

import re
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import UID

import samples
from samples.catalog import NODULE
from samples.identity import IDENTITIES

STUDIES = {study.name: study for study in samples.catalog()}
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All studies as the command writes them, from a process of its own."""
    folder = tmp_path_factory.mktemp("samples")
    subprocess.run(
        [sys.executable, "-m", "samples", "--write", str(folder)], cwd=ROOT / "include", check=True
    )
    return folder


def datasets(folder: Path) -> list[Dataset]:
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            found.append(dcmread(path))
        except InvalidDicomError:
            continue
    return found


@pytest.mark.parametrize("name", STUDIES)
def test_files_have_the_same_bytes_in_every_process(name: str, written: Path) -> None:
    study = STUDIES[name]
    made = {file.name: sha256(file.content).hexdigest() for file in study.files()}
    stored = {
        path.relative_to(written / study.folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in (written / study.folder).rglob("*")
        if path.is_file()
    }
    assert made == stored


@pytest.mark.parametrize("name", STUDIES)
def test_each_file_belongs_to_one_study_of_one_patient(name: str, written: Path) -> None:
    study, identity = STUDIES[name], IDENTITIES[name]
    found = datasets(written / study.folder)
    quarantined = study.expected.outcomes["quarantined"]
    assert len(found) == study.expected.arrived - quarantined
    assert len({ds.StudyInstanceUID for ds in found}) == 1
    assert len({ds.SOPInstanceUID for ds in found}) == len(found)
    for ds in found:
        assert ds.Modality == study.expected.modality
        assert ds.PatientName == identity.patient_name
        assert ds.PatientID == identity.patient_id
        assert ds.PatientBirthDate == identity.birth_date
        assert ds.AccessionNumber == identity.accession_number
        assert all(UID(ds[k].value).is_valid for k in ("StudyInstanceUID", "SeriesInstanceUID"))
        assert ds.pixel_array.size


def test_counts_add_up_to_what_arrived() -> None:
    for study in STUDIES.values():
        assert sum(study.expected.outcomes.values()) == study.expected.arrived


def test_no_two_studies_share_an_identity_or_a_uid(written: Path) -> None:
    found = [ds for study in STUDIES.values() for ds in datasets(written / study.folder)]
    assert len({ds.StudyInstanceUID for ds in found}) == len(STUDIES)
    assert len({ds.SOPInstanceUID for ds in found}) == len(found)
    for attribute in ("patient_name", "patient_id", "birth_date", "accession_number"):
        assert len({getattr(i, attribute) for i in IDENTITIES.values()}) == len(IDENTITIES)


def test_identifiers_cover_every_file_and_are_long_enough_to_search_for(written: Path) -> None:
    known = samples.identifiers()
    assert min(map(len, known)) >= 8
    for study in STUDIES.values():
        for ds in datasets(written / study.folder):
            for keyword in ("PatientID", "PatientBirthDate", "AccessionNumber", "PatientName"):
                assert str(ds[keyword].value) in known
            for element in ds:
                if element.VR == "UI" and "InstanceUID" in element.keyword:
                    assert element.value in known
            assert ds.get("FrameOfReferenceUID") in {None, *known}


def test_uids_of_made_studies_are_under_2_25(written: Path) -> None:
    for name in ("ct-chest-nodule", "dx-chest", "mr-head-two-series", "ct-corrupt-file"):
        for ds in datasets(written / name):
            assert re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", ds.SOPInstanceUID)


def test_the_nodule_lies_where_the_catalogue_says(written: Path) -> None:
    found = sorted(datasets(written / "ct-chest-nodule"), key=lambda ds: ds.ImagePositionPatient[2])
    x, y, z = NODULE.centre_mm
    ds = min(found, key=lambda ds: abs(ds.ImagePositionPatient[2] - z))
    column = round((x - ds.ImagePositionPatient[0]) / ds.PixelSpacing[1])
    row = round((y - ds.ImagePositionPatient[1]) / ds.PixelSpacing[0])
    hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    in_nodule = hu[row - 5 : row + 6, column - 5 : column + 6]
    assert in_nodule.mean() == pytest.approx(NODULE.density_hu, abs=5)
    across = np.count_nonzero(hu[row, column - 30 : column + 30] > -400) * ds.PixelSpacing[1]
    assert across == pytest.approx(NODULE.diameter_mm, abs=2)
    (expected,) = STUDIES["ct-chest-nodule"].expected.findings
    assert expected.centre == pytest.approx((column / ds.Columns, row / ds.Rows), abs=0.003)
    crossed = [
        int(d.InstanceNumber)
        for d in found
        if abs(d.ImagePositionPatient[2] - z) < NODULE.diameter_mm / 2
    ]
    assert list(expected.instance_numbers) == crossed


def test_the_radiographs_differ_only_in_the_thorax_half_that_has_the_pneumothorax(
    written: Path,
) -> None:
    (without,) = datasets(written / "dx-chest")
    (ds,) = datasets(written / "dx-chest-pneumothorax")
    changed = ds.pixel_array != without.pixel_array
    rows, columns = np.nonzero(changed)
    assert columns.max() < ds.Columns / 2
    assert rows.min() > 0.1 * ds.Rows
    (finding,) = STUDIES["dx-chest-pneumothorax"].expected.model_findings
    x, y = finding.centre
    band = slice(int(y * ds.Rows) - 4, int(y * ds.Rows) + 5)
    darker = np.median(ds.pixel_array[band].astype(int) - without.pixel_array[band], axis=0)
    beyond, lung = (darker[int(f * ds.Columns)] for f in (x - 0.08, x + 0.08))
    assert beyond < -100, "air without lung is darker"
    assert abs(lung) < 100
    assert darker.max() > 30, "the pleura is a bright line"


def test_ct_values_are_calibrated(written: Path) -> None:
    (ds,) = [d for d in datasets(written / "ct-chest-nodule") if d.InstanceNumber == 36]
    hu = ds.pixel_array * float(ds.RescaleSlope) + float(ds.RescaleIntercept)
    assert hu[:20, :20].mean() == pytest.approx(-1000, abs=25)
    assert np.percentile(hu, 99.5) > 300
    assert (ds.WindowCenter[0], ds.WindowWidth[0]) == (-600, 1500)


def test_the_corrupt_file_is_not_dicom() -> None:
    *sound, corrupt = STUDIES["ct-corrupt-file"].files()
    assert len(sound) == 8
    with pytest.raises(InvalidDicomError):
        dcmread(BytesIO(corrupt.content))


def test_an_unknown_name_is_refused() -> None:
    command = [sys.executable, "-m", "samples", "--list", "nonsense"]
    ended = subprocess.run(
        command, cwd=ROOT / "include", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "nonsense" in ended.stderr
