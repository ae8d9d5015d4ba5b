"""Who the sample patients are: invented people with distinctive strings, and UIDs under 2.25.

The strings have the shape of protected health information and occur nowhere else, so that a search
of logs and databases for them proves something.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

_NAMESPACE = uuid.UUID("7b0c8a52-6f0e-5d57-9a4b-1f6f2f5d3c11")
"""Separates our UIDs from those of anyone else who hashes the same words."""


@dataclass(frozen=True)
class Identity:
    """The identifying attributes of one sample patient and visit."""

    patient_name: str
    patient_id: str
    birth_date: str
    sex: str
    accession_number: str
    referring_physician_name: str = "Referralson^Fictitia"


IDENTITIES = {
    "ct-chest-nodule": Identity(
        "Phantomsdottir^Nodulina", "SYN-CT-7310441", "19470313", "F", "SYNACC0310441"
    ),
    "dx-chest": Identity(
        "Phantomsson^Radiogram", "SYN-DX-7310452", "19620829", "M", "SYNACC0310452"
    ),
    "dx-chest-pneumothorax": Identity(
        "Pleurasdottir^Apicolina", "SYN-DX-7310585", "19930508", "F", "SYNACC0310585"
    ),
    "mr-head-two-series": Identity(
        "Relaxomir^Teslandra", "SYN-MR-7310463", "19711106", "O", "SYNACC0310463"
    ),
    "ct-corrupt-file": Identity(
        "Bitrotova^Checksumma", "SYN-CT-7310474", "19580402", "F", "SYNACC0310474"
    ),
    "real-ct": Identity(
        "Wheelwright^Hounsfielda", "SYN-CT-7310485", "19390917", "F", "SYNACC0310485"
    ),
    "real-mr": Identity(
        "Wheelwright^Larmorius", "SYN-MR-7310496", "19840221", "M", "SYNACC0310496"
    ),
    "real-cr": Identity(
        "Wheelwright^Platinova", "SYN-CR-7310507", "19530625", "O", "SYNACC0310507"
    ),
    "real-us": Identity("Wheelwright^Sonorina", "SYN-US-7310518", "19901230", "F", "SYNACC0310518"),
    "mg-screening": Identity(
        "Phantomsdottir^Mammalia", "SYN-MG-7310530", "19650714", "F", "SYNACC0310530"
    ),
    "us-heart-cine": Identity(
        "Echoverry^Sonatina", "SYN-US-7310541", "19780118", "F", "SYNACC0310541"
    ),
    "nm-bone-scan": Identity(
        "Gammaczyk^Technetio", "SYN-NM-7310552", "19441009", "M", "SYNACC0310552"
    ),
    "pt-brain": Identity(
        "Positronova^Glucosia", "SYN-PT-7310563", "19510527", "F", "SYNACC0310563"
    ),
    "sm-biopsy": Identity(
        "Microtomsen^Eosinette", "SYN-SM-7310574", "19691122", "F", "SYNACC0310574"
    ),
    "hostile": Identity("Maleficent^Malformia", "SYN-XX-7310529", "19010101", "O", "SYNACC0310529"),
}


def uid(*path: str | int) -> str:
    """Return the UID of the thing that ``path`` names; always the same one.

    A UUID as a UID, by PS3.5 Annex B.2.
    """
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, path))).int}"
