import Autograd
import Tensor

/// Two convolutions, each after group normalisation and activation, around which the input passes.
///
/// The timestep enters between them as an offset a channel; the autoencoder's blocks have none.
struct ResnetBlock2D {
    private let norm1: GroupNorm
    private let conv1: Conv2d
    private let timeProjection: Linear?
    private let norm2: GroupNorm
    private let conv2: Conv2d
    private let shortcut: Conv2d?
    private let activation: Activation

    init(inputs: Int, outputs: Int, timeWidth: Int?, style: BlockStyle, in scope: ParameterScope) {
        let epsilon = style.epsilon
        activation = style.activation
        norm1 = GroupNorm(channels: inputs, groups: style.groups, epsilon: epsilon, in: scope["norm1"])
        conv1 = Conv2d(inputs: inputs, outputs: outputs, kernelSize: 3, padding: .init(1), in: scope["conv1"])
        timeProjection = timeWidth.map { Linear(inputs: $0, outputs: outputs, in: scope["time_emb_proj"]) }
        norm2 = GroupNorm(channels: outputs, groups: style.groups, epsilon: epsilon, in: scope["norm2"])
        conv2 = Conv2d(inputs: outputs, outputs: outputs, kernelSize: 3, padding: .init(1), in: scope["conv2"])
        shortcut =
            inputs == outputs
            ? nil
            : Conv2d(inputs: inputs, outputs: outputs, kernelSize: 1, padding: .init(0), in: scope["conv_shortcut"])
    }

    /// `[batch, height, width, inputs]` → `[batch, height, width, outputs]`; `time` is the activated timestep embedding,
    /// `[batch, width]`.
    func callAsFunction(_ input: Variable, time: Variable? = nil) -> Variable {
        let offset = time.flatMap { time in timeProjection.map { $0(time) } }
        let hidden = conv1(norm1(input, activation: activation), offset: offset)
        return conv2(norm2(hidden, activation: activation), adding: shortcut?(input) ?? input)
    }
}

/// What all blocks of a network have in common.
struct BlockStyle {
    /// Groups of the group normalisations.
    let groups: Int
    /// Added to their variances.
    let epsilon: Float
    /// What stands between normalisation and convolution.
    let activation: Activation
}
