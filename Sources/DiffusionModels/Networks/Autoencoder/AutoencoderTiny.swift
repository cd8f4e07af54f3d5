import Autograd
import Tensor

/// TAESD, a small autoencoder for the latents of a large one (github.com/madebyollin/taesd); diffusers' class of the same
/// name.
public struct AutoencoderTiny: Sendable {
    /// The fields of its `config.json`.
    public let configuration: Configuration
    /// The weights, under diffusers' keys.
    public let parameters: ParameterSet
    /// Empty without an encoder.
    private let encoder: [Layer]
    private let decoder: [Layer]

    /// Declares the network's parameters in `scope`, or reuses those declared there.
    public init(_ configuration: Configuration, in scope: ParameterScope) {
        self.configuration = configuration
        parameters = scope.parameters
        encoder = configuration.hasEncoder ? Self.encoder(configuration, in: scope["encoder"]["layers"]) : []
        decoder = Self.decoder(configuration, in: scope["decoder"]["layers"])
    }

    /// The latents of images, scaled as the denoising network's, `[batch, height, width, latent channels]`.
    ///
    /// The network must have an encoder, see ``Configuration/hasEncoder``.
    ///
    /// - Parameter pictures: `[batch, height′, width′, 3]` in −1…1.
    public func encode(_ pictures: Variable) -> Variable {
        require(
            !encoder.isEmpty, "AutoencoderTiny.encode: expected a network with an encoder, found a decoder alone")
        return encoder.reduce((pictures + 1) * 0.5) { $1($0) }
    }

    /// The images of latents, `[batch, height′, width′, 3]`, nominally in −1…1.
    ///
    /// - Parameter latents: `[batch, height, width, latent channels]`.
    public func decode(_ latents: Variable) -> Variable {
        decoder.reduce((latents * (1 / 3)).tanh() * 3) { $1($0) } * 2 - 1
    }
}

extension AutoencoderTiny {
    private enum Layer {
        case convolution(Conv2d)
        case block(Block)
        case upsampling(factor: Int)
        case rectifier

        func callAsFunction(_ x: Variable) -> Variable {
            switch self {
            case .convolution(let convolution): convolution(x)
            case .block(let block): block(x)
            case .upsampling(let factor): x.upsampledNearest(by: factor)
            case .rectifier: x.relu()
            }
        }
    }

    /// A residual block: three convolutions with ReLU between, the input added, and a ReLU.
    private struct Block {
        private let convolutions: [Conv2d]

        init(channels: Int, in scope: ParameterScope) {
            convolutions = [0, 2, 4].map {
                Conv2d(
                    inputs: channels, outputs: channels, kernelSize: 3, padding: .init(1), in: scope["conv"][$0])
            }
        }

        func callAsFunction(_ x: Variable) -> Variable {
            let inner = convolutions[1](convolutions[0](x).relu()).relu()
            return (convolutions[2](inner) + x).relu()
        }
    }

    /// The encoder's layers, numbered as in PyTorch's `Sequential`, which also counts layers without weights.
    private static func encoder(_ configuration: Configuration, in scope: ParameterScope) -> [Layer] {
        var layers: [Layer] = []
        for (index, channels) in configuration.encoderChannels.enumerated() {
            layers.append(
                .convolution(
                    Conv2d(
                        inputs: index == 0 ? configuration.inputChannels : channels, outputs: channels, kernelSize: 3,
                        stride: index == 0 ? 1 : 2, padding: .init(1), hasBias: index == 0, in: scope[layers.count])))
            for _ in 0..<configuration.encoderBlocks[index] {
                layers.append(.block(Block(channels: channels, in: scope[layers.count])))
            }
        }
        let last = configuration.encoderChannels[configuration.encoderChannels.count - 1]
        layers.append(
            .convolution(
                Conv2d(
                    inputs: last, outputs: configuration.latentChannels, kernelSize: 3, padding: .init(1),
                    in: scope[layers.count])))
        return layers
    }

    private static func decoder(_ configuration: Configuration, in scope: ParameterScope) -> [Layer] {
        let widths = configuration.decoderChannels
        var layers: [Layer] = [
            .convolution(
                Conv2d(
                    inputs: configuration.latentChannels, outputs: widths[0], kernelSize: 3, padding: .init(1),
                    in: scope[0])), .rectifier,
        ]
        for (index, channels) in widths.enumerated() {
            for _ in 0..<configuration.decoderBlocks[index] {
                layers.append(.block(Block(channels: channels, in: scope[layers.count])))
            }
            let isLast = index == widths.count - 1
            if !isLast { layers.append(.upsampling(factor: configuration.upsamplingFactor)) }
            layers.append(
                .convolution(
                    Conv2d(
                        inputs: channels, outputs: isLast ? configuration.outputChannels : channels, kernelSize: 3,
                        padding: .init(1), hasBias: isLast, in: scope[layers.count])))
        }
        return layers
    }
}
