"""Why a whole training may be outside the noise floor, though both sides compute the same."""

from frameworks.agreement.variants import KERAS_SIGMOID, has_sigmoid
from frameworks.diverge.evidence import Evidence, Hypothesis

__all__ = ["HYPOTHESES"]


def keras_sigmoid(evidence: Evidence) -> str | None:
    """With TensorFlow's σ(z), which errs by more than a nudge, scratch agrees with Keras."""
    floor, sides = evidence.floor, (evidence.a.side, evidence.b.side)
    keras = next((side for side in sides if side.implementation == "keras"), None)
    if floor is None or keras is None or not has_sigmoid(keras.page):
        return None
    if (apart := floor.control(keras, KERAS_SIGMOID)) is None:
        return None
    return (
        "TensorFlow's sigmoid; scratch with it agrees with keras, within the noise floor: losses "
        f"{apart.loss:.1e}, weights {apart.weight:.1e}, test loss {apart.test_loss:.1e}"
    )


HYPOTHESES: tuple[Hypothesis, ...] = (keras_sigmoid,)
