"""One neuron: weigh the inputs, add an offset, squeeze the sum into 0..1.

The two inputs are weighted by 7 and 3. Here both are 1, and the offset is −5:

>>> z = 7 * 1 + 3 * 1 - 5
>>> z
5

The sigmoid σ(z) = 1 / (1 + e⁻ᶻ) makes a number between 0 and 1 of it. For a sum of 0 the neuron is
undecided; 5 is far on the side of yes:

>>> [round(sigmoid(z), 4) for z in (-5, 0, 5)]
[0.0067, 0.5, 0.9933]
>>> round(sigmoid(5))
1

`Neuron` is these two steps, and next to them the two that let it learn:

>>> Neuron([7, 3], bias=-5).forward([1, 1]) == sigmoid(5)
True
"""

from scratch.neuron import Neuron, sigmoid


def main() -> None:
    """Work out the sum, the sigmoid around 0, and the neuron's output, which is a yes."""
    z = 7 * 1 + 3 * 1 - 5
    print(f"z = 7 * 1 + 3 * 1 - 5 = {z}")
    for number in (-5, 0, 5):
        print(f"sigma({number}) = 1 / (1 + exp({-number})) = {sigmoid(number):.6f}")
    a = Neuron([7, 3], bias=-5).forward([1, 1])
    print(f"the neuron: a = sigma({z}) = {a:.6f}, which rounds to {round(a)}")
    assert z == 5
    assert a == sigmoid(5)
    assert [round(sigmoid(number), 4) for number in (-5, 0, 5)] == [0.0067, 0.5, 0.9933]
    assert round(a) == 1


if __name__ == "__main__":
    main()
