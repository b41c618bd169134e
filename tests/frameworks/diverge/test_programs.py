"""The walk through programs: several networks, each with an optimizer of its own."""

import numpy as np
import pytest

from experiments import gan
from frameworks.diverge import walk
from frameworks.diverge.side import take
from frameworks.program import Program
from scratch import SGD, Dense, MeanSquaredError, Sequential

from ...experiments.planting import rebuilt
from ...faults.adversary import adversaries
from ...faults.fault import side
from ...faults.rewriting import rewritten

ROWS = {"limit": 512}  # two steps an epoch


def sides(lines, **options):
    """Return scratch's side and PyTorch's, with other lines on its page."""
    wrong = rewritten(gan.build_pytorch, lines, called=[gan.game_in_pytorch])
    page = rebuilt(adversaries, "pytorch", lambda own: lambda spec=gan.SPEC: wrong(spec))
    options = ROWS | options
    return side(adversaries, "scratch", **options), side(page, "pytorch", **options)


def found(lines, **options):
    """Return the first finding of both orders, after a look at whether they name one cause."""
    a, b = sides(lines, **options)
    one, other = (walk(*each).findings[0] for each in ((a, b), (b, a)))
    assert one.cause == other.cause
    return one


def test_layer_of_the_second_network_has_a_cause():
    first = found({"nn.Tanh()": "nn.Sigmoid()"})
    assert first.difference.where == "layer 2 (tanh against sigmoid) of the discriminator"
    assert first.cause == "pytorch has a sigmoid there; scratch has a tanh there"


def test_optimizers_that_are_exchanged_are_the_order_of_the_updates():
    right = "optimizer_g, optimizer_d = adam(generator), adam(discriminator)"
    change = "optimizer_g, optimizer_d = optimizer_d, optimizer_g"
    first = found({right: f"{right}\n    {change}"})
    assert (first.level, first.difference.where) == ("loss", "the order of the updates")


def test_setting_of_one_optimizer_is_named_with_its_network():
    right = "optimizer_g, optimizer_d = adam(generator), adam(discriminator)"
    change = "optimizer_g.param_groups[0]['weight_decay'] = 0.01"
    first = found({right: f"{right}\n    {change}"})
    assert "of the generator" in first.difference.where
    assert first.cause == (
        "for the generator, pytorch uses Adam with a coupled decay of 0.01; "
        "scratch uses Adam with no coupled decay"
    )


def test_loss_that_no_formula_gives_has_no_cause():
    first = found({"loss(discriminator(fake), ones)": "loss(discriminator(fake), 0.37 * ones)"})
    assert (first.level, first.difference.where, first.cause) == ("loss", "generator_loss", None)


def test_gradient_of_a_later_network_is_not_blamed_for_an_earlier_update():
    first = found({"betas=(spec.beta_1,": "betas=(0.9,"})
    assert first.level == "trajectory"
    assert any("all gradients agree" in line for line in first.details)


def test_gradients_that_a_closure_clears_and_computes_are_those_of_its_step():
    closure = "lambda: (optimizer_d.zero_grad(), loss_d.backward(), loss_d)[-1]"
    lines = {"optimizer_d.zero_grad()": "pass", "loss_d.backward()": "pass"}
    lines["optimizer_d.step()"] = f"optimizer_d.step({closure})"
    assert not walk(*sides(lines, epochs=1)).findings


@pytest.mark.parametrize(
    ("act", "says"),
    [
        ("[p.grad.mul_(2.0) for p in discriminator.parameters()]", "{} pytorch is 2 times that of"),
        ("[p.grad.mul_(0.5) for p in discriminator.parameters()]", "{} scratch is 2 times that of"),
        (
            "t = sum((p.grad**2).sum() for p in discriminator.parameters()) ** 0.5; "
            "[p.grad.mul_(0.01 / t) for p in discriminator.parameters()]",
            "for the discriminator, pytorch clips the gradient's norm at 0.01",
        ),
        ("nn.utils.clip_grad_norm_(discriminator.parameters(), 0.01)", None),
        ("seen.append(1); [p.grad.mul_(1 + len(seen)) for p in discriminator.parameters()]", None),
    ],
)
def test_factor_of_a_gradient_is_named_if_it_is_the_same_in_the_next_step(act, says):
    right, loss = "optimizer_d.step()", "loss = nn.BCEWithLogitsLoss()"
    first = found({right: f"{act}; {right}", loss: f"{loss}; seen = []"})
    assert (first.level, "of the discriminator" in first.difference.where) == ("gradient", True)
    whole = "for the discriminator, the whole gradient of"
    assert (first.cause or "")[:90].startswith(says.format(whole)) if says else first.cause is None


def test_watched_step_is_undone():
    _, watched = sides({"optimizer_d.zero_grad()": "pass"})
    weights = []
    for look in (False, True):
        _, opened = watched.open()
        for _ in range(3):
            batch = take(opened.batch, None, 0, 256)
            if look:
                opened.adapter.watched(batch)
            list(opened.adapter.epochs(batch, [None], 256))
        weights.append(np.concatenate([w.ravel() for w in opened.adapter.get_weights()]))
    assert np.array_equal(*weights)


def build_coder(spec=gan.SPEC):
    """Build two networks of which the second takes codes of three numbers, and no rows."""
    encoder, decoder = (Sequential(Dense(*widths)) for widths in ((1, 3), (3, 1)))
    optimizers, loss = (SGD(0.125), SGD(0.125)), MeanSquaredError()

    def step(batch, draws):
        value = loss.forward(decoder.forward(encoder.forward(batch.X)), batch.X)
        encoder.backward_params(decoder.backward(loss.backward()))
        for network, optimizer in zip((decoder, encoder), optimizers, strict=True):
            optimizer.step(network.theta, network.grad)
        return {"loss": value}

    def weights(spec, rng):
        return [rng.normal(size=shape) for shape in ((1, 3), 3, (3, 1), 1)]

    networks, names = (encoder, decoder), ("encoder", "decoder")
    return Program(networks, optimizers, step, weights, loss=_mean, names=names)


def _mean(codes, rows):
    return float(np.mean(codes))


def test_network_that_fails_on_the_rows_is_said_to_be_compared_in_part():
    page = rebuilt(adversaries, "scratch", lambda own: build_coder)
    a, b = (side(page, "scratch", epochs=1, **ROWS) for _ in range(2))
    done = walk(a, b)
    assert not done.findings
    (note,) = (each for each in done.notes if "fails" in each)
    assert note.startswith("the decoder fails in scratch on rows of shape (1,) (")
    assert note.endswith("its layers are not compared one by one, only its gradients and steps")
