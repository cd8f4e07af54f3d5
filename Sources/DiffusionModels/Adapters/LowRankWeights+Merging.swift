import Autograd
import Tensor

extension LowRankWeights {
    /// Adds the changes to a model's weights: W += weight · scale · up · down.
    ///
    /// Merging with the negative weight takes them out again, to rounding. Several files may be merged one after the other.
    ///
    /// - Parameters:
    ///   - model: whose denoising network and text encoder are changed; networks that share their parameters change too.
    ///   - weight: how strongly.
    ///
    /// Throws ``ModelError/weightMismatch(path:mismatch:)``, and changes nothing, when a layer is not the model's or its shape
    /// does not fit.
    public func merge(into model: TextToImageModel, weight: Float = 1) throws {
        let networks: [Part: ParameterSet] = [
            .unet: model.unet.parameters, .textEncoder: model.textEncoder.parameters,
        ]
        try merge(into: networks, weight: weight)
    }

    /// Adds the changes to the weights of networks. See ``merge(into:weight:)-(TextToImageModel,_)``.
    public func merge(into networks: [Part: ParameterSet], weight: Float = 1) throws {
        let targets = networks.mapValues(Self.layers)
        var mismatch = ParameterLoadingError()
        var changes: [(parameter: Parameter, change: Tensor)] = []
        for layer in layers {
            guard let parameter = targets[layer.part]?[layer.flatPath] else {
                mismatch.unexpected.append("\(layer.part.rawValue).\(layer.flatPath)")
                continue
            }
            let change = layer.change(weight: weight)
            if change.shape == parameter.shape {
                changes.append((parameter, change))
            } else {
                mismatch.mismatched.append(.init(name: parameter.path, expected: parameter.shape, found: change.shape))
            }
        }
        guard mismatch == ParameterLoadingError() else {
            throw ModelError.weightMismatch(path: "the LoRA's layers", mismatch: mismatch)
        }
        for (parameter, change) in changes { parameter.value += change }
    }

    /// The weights by the flat paths of their layers.
    private static func layers(of parameters: ParameterSet) -> [String: Parameter] {
        var layers: [String: Parameter] = [:]
        for parameter in parameters.all where parameter.path.hasSuffix(".weight") {
            layers[String(parameter.path.dropLast(".weight".count)).replacing(".", with: "_")] = parameter
        }
        return layers
    }
}

extension LowRankWeights.Layer {
    /// weight · scale · up · down in the shape of the layer's parameter, `[outputs, inputs]` or
    /// `[outputs, inputs, height, width]`.
    fileprivate func change(weight: Float) -> Tensor {
        let rank = down.shape[0]
        let flatDown = down.reshaped(to: [rank, down.count / rank])
        let flatUp = up.reshaped(to: [up.count / rank, rank])
        let product = flatUp.matmul(flatDown) * (weight * scale)
        return product.reshaped(to: [flatUp.shape[0]] + down.shape.dropFirst())
    }
}
