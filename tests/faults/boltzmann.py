"""Faults in the steps of Boltzmann machines: one line of a page is written as it is often wrong."""

import inspect
from dataclasses import replace

from experiments import dbn, rbm
from frameworks import Program
from frameworks.task import FEATURES

from .fault import fault
from .pages import page

CHAINS = replace(rbm.SPEC, outputs=16, epochs=2)
MACHINE = replace(dbn.FIRST, inputs=64, outputs=16, epochs=2, batch_size=10)


def scratch_chains(spec: rbm.Numbers = CHAINS) -> Program:
    return rbm.build_scratch(spec)


def pytorch_chains(spec: rbm.Numbers = CHAINS) -> Program:
    return rbm.build_pytorch(spec)


def scratch_machine(spec: dbn.Numbers = MACHINE) -> Program:
    return dbn.machine_in_scratch(spec)


def pytorch_machine(spec: dbn.Numbers = MACHINE) -> Program:
    return dbn.machine_in_pytorch(spec)


chains = page("chains", CHAINS, rbm.load, scratch=scratch_chains, pytorch=pytorch_chains)
machine = page("machine", MACHINE, rbm.load, scratch=scratch_machine, pytorch=pytorch_machine)
chains, machine = (replace(each, task=FEATURES) for each in (chains, machine))


def write(plant, right, wrong):
    """Let the page of the faulty side have `wrong` where `right` stands, once."""

    def rewritten(build):
        written = rbm.build_scratch if build is scratch_chains else dbn.machine_in_scratch
        source = inspect.getsource(written)
        assert source.count(right) == 1, right
        names = dict(vars(inspect.getmodule(written)))
        exec(source.replace(right, wrong), names)
        found = names[written.__name__]
        return lambda spec=plant.experiment.spec: found(spec)

    plant.build(rewritten)


# --- persistent chains ---


@fault("pixel set, not flipped", "The pseudo-likelihood sets a pixel to 1, whatever it was.",
       "loss, loss", chains, "pytorch,scratch",
       "scratch reports 64 times the pseudo-likelihood of a pixel that is set to 1")  # fmt: skip
def _(plant):
    write(plant, 'np.abs(batch.X - draws["flips"])', 'np.maximum(batch.X, draws["flips"])')


@fault("pseudo-likelihood of a pixel", "The log odds of one pixel are not multiplied by all 64.",
       "loss, loss", chains, "pytorch,scratch",
       "the loss of pytorch is 64 times that of scratch")  # fmt: skip
def _(plant):
    write(plant, '{"loss": spec.inputs * np', '{"loss": np')


@fault("phases exchanged", "Energy is lowered at the dreams, and raised at the data.",
       "gradient, array 1 of layer 1", chains, "pytorch,scratch",
       "the kernels' gradient alone has opposite signs")  # fmt: skip
def _(plant):
    write(plant, "(dreams.T @ dreamt - v.T @ h)", "(v.T @ h - dreams.T @ dreamt)")


@fault("states for probabilities", "The positive phase takes hidden states, not probabilities.",
       "gradient, array 1 of layer 1", chains, "pytorch,scratch",
       "scratch takes rounded hidden units for probabilities in the positive phase")  # fmt: skip
def _(plant):
    write(plant, "- v.T @ h)", "- v.T @ np.rint(h))")


@fault("sampled where it is improbable", "A unit is on if u > p, not if u < p.",
       "loss, free_energy_gap", chains, "pytorch,scratch",
       "scratch samples a visible unit as 1 where u > p")  # fmt: skip
def _(plant):
    write(plant, 'draws["visible"] < rbm.state', 'draws["visible"] > rbm.state')


@fault("rate per row", "The learning rate is divided by the rows of a batch once more.",
       "step, array 1 of layer 1", chains, "pytorch,scratch",
       "the learning rate of pytorch is 10 times that of scratch")  # fmt: skip
def _(plant):
    write(plant, "learning_rate=spec.learning_rate", "learning_rate=spec.learning_rate / 10")


@fault("mean over chains", "The negative phase is divided by the chains, where rows are fewer.",
       "trajectory, array 3 of layer 1", chains, "pytorch,scratch",
       "scratch divides the negative phase by the number of chains")  # fmt: skip
def _(plant):
    right = "(dreams.sum(axis=0) - v.sum(axis=0)) / len(v)"
    write(plant, right, "dreams.mean(axis=0) - v.mean(axis=0)")


@fault("chain that never moves", "Every step begins with the same hidden states.",
       "trajectory, array 1 of layer 1", chains, "pytorch,scratch",
       "scratch never moves its chains")  # fmt: skip
def _(plant):
    write(plant, 'chain[...] = draws["hidden"] < dreamt', "pass")


@fault("chain of probabilities", "The chain keeps hidden probabilities and is never sampled.",
       "trajectory, array 1 of layer 1", chains, "pytorch,scratch",
       "scratch keeps probabilities in its chains")  # fmt: skip
def _(plant):
    write(plant, 'chain[...] = draws["hidden"] < dreamt', "chain[...] = dreamt")


@fault("chain from the data", "Contrastive divergence: the chain begins at the batch each time.",
       "trajectory, array 1 of layer 1", chains, "pytorch,scratch",
       "scratch begins its chains at the rows in every step")  # fmt: skip
def _(plant):
    begun = "rbm.visible(rbm.forward(np.resize(v, (len(chain), v.shape[1]))))"
    write(plant, "rbm.visible(chain)", begun)


@fault("visible bias forgotten", "Dreams are drawn without the biases of the visible units.",
       "trajectory, array 1 of layer 1", chains, "pytorch,scratch",
       "scratch dreams without the biases of the visible units")  # fmt: skip
def _(plant):
    write(plant, "sigmoid(h @ W.T + b)", "sigmoid(h @ W.T)")


# --- contrastive divergence ---


@fault("hidden units not sampled", "Reconstructions come from probabilities, not from states.",
       "gradient, array 3 of layer 1", machine, "pytorch,scratch",
       "scratch reconstructs from the hidden units' probabilities")  # fmt: skip
def _(plant):
    right = 'rbm.visible((draws["hidden"] < h).astype(v.dtype))'
    write(plant, right, "rbm.visible(h)")


@fault("logits for probabilities", "Reconstructions are taken before the sigmoid.",
       "gradient, array 3 of layer 1", machine, "pytorch,scratch",
       "scratch takes logits for the probabilities of the visible units")  # fmt: skip
def _(plant):
    write(plant, "again = sigmoid(rbm.visible(", "again = (rbm.visible(")


@fault("reconstructions as states", "What a machine reconstructs is rounded to 0 or 1.",
       "gradient, array 3 of layer 1", machine, "pytorch,scratch",
       "scratch rounds the visible units that it reconstructs")  # fmt: skip
def _(plant):
    write(plant, "h_again = rbm.forward(again)", "again = np.rint(again)\n"
          "        h_again = rbm.forward(again)")  # fmt: skip


@fault("hidden units kept", "The negative phase takes the hidden units of the positive one.",
       "gradient, array 2 of layer 1", machine, "pytorch,scratch",
       "scratch takes the hidden units of the positive phase in the negative phase")  # fmt: skip
def _(plant):
    write(plant, "h_again = rbm.forward(again)", "h_again = h")


@fault("sum over the batch", "The biases' gradients are sums over the rows, not means.",
       "gradient, array 2 of layer 1", machine, "pytorch,scratch",
       "the gradient of weights.1 alone of scratch is 10 times that of pytorch")  # fmt: skip
def _(plant):
    write(plant, "(h_again - h).sum(axis=0) / len(v)", "(h_again - h).sum(axis=0)")


@fault("loss of probabilities", "The cross-entropy of logits is given probabilities.",
       "loss, loss", machine, "pytorch,scratch",
       "scratch reports the cross-entropy of reconstructed probabilities")  # fmt: skip
def _(plant):
    write(plant, "loss.forward(rbm.visible(h), batch.X)",
          "loss.forward(sigmoid(rbm.visible(h)), batch.X)")  # fmt: skip
