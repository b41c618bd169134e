"""Six small lessons, in the order to read them; each runs as `python -m scratch.examples.NAME`.

one_neuron           a weighted sum, squeezed into 0..1
gates                what one threshold can decide, and what takes two layers
forward_by_hand      a network's output, node by node and then with matrices
three_layers         the same for three layers, up to probabilities
computational_graph  what each number owes to the result: backpropagation
tug_of_war           two learners against each other, and the eigenvalues of their steps
"""
