"""MedGemma: free text about a picture.

Text carries no calibrated score and no code. It is kept as text and never read into a finding:
"no pneumothorax" and "pneumothorax" differ by a word that a program would have to understand.
The container (vLLM) answers with a string, or with a chat completion; a thinking model writes
``<unused94>thought`` before its thoughts and ``<unused95>`` between them and its answer.
Source: Google-Health/medgemma, notebooks/quick_start_with_model_garden.ipynb
"""

from __future__ import annotations

from typing import Any

from wetread.core.predictions.contract import Prediction, PredictionError, Question
from wetread.core.predictions.fields import Malformed, array, as_value, record, refusal, text
from wetread.core.predictions.payload import Form, Payload

FORMS = (Form.BYTES,)
"""The server fetches other addresses without a credential, so only bytes reach it."""

_MAX_TOKENS = 1000
_THOUGHT_STARTS = "<unused94>"
_THOUGHT_ENDS = "<unused95>"
_PROMPT_ECHO = ("Prompt:\n", "\nOutput:\n")


def instance(payload: Payload, question: Question) -> dict[str, Any]:
    """Return what is sent for one picture (PNG) and the question's prompt."""
    return {
        "prompt": f"{question.prompt} <start_of_image>",
        "multi_modal_data": {"image": f"data:image/png;base64,{payload.base64}"},
        "max_tokens": _MAX_TOKENS,
        "temperature": 0,
        "raw_response": True,
    }


@as_value
def read(prediction: object, question: Question) -> Prediction | PredictionError:
    """Keep what the model wrote, without its thoughts; there are never scores."""
    if question.codes:
        raise Malformed("free text has no finding codes, and the analysis asks for some")
    if isinstance(prediction, dict):
        if (error := refusal(prediction)) is not None:
            return error
        prediction = _chat(prediction)
    return Prediction(texts=(_answer(text(prediction, "the answer")),))


def _chat(completion: dict[str, Any]) -> object:
    record(completion, "the answer", required=("choices",), optional=None)
    choice = record(
        array(completion["choices"], "choices", least=1)[0],
        "choices[0]",
        required=("message",),
        optional=None,
    )
    message = record(choice["message"], "choices[0].message", required=("content",), optional=None)
    return message["content"]


def _answer(written: str) -> str:
    prompt, output = _PROMPT_ECHO
    if written.startswith(prompt) and output in written:
        written = written.split(output, 1)[1]
    _, separator, answer = written.rpartition(_THOUGHT_ENDS)
    if not separator and _THOUGHT_STARTS in answer:
        raise Malformed("the text ends before its answer begins")
    if not answer.strip():
        raise Malformed("the text is empty")
    return answer.strip()
