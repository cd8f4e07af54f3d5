import Autograd
import Tensor

extension LowRankWeights {
    /// Adds the changes to a model's weights: W += weight · scale · ΔW, where ΔW of a LoRA is up · down.
    ///
    /// Merging with the negative weight undoes this, up to rounding. Several files can be merged one after another. With DoRA's norms m,
    /// W += weight · (m · V / ‖V‖ − W), where V = W + scale · ΔW: such a change depends on the weights, and the negative weight does not undo it.
    /// Changes of the text encoder are merged each time the model loads it. Changes with ``oneStep`` make the model a student,
    /// which the negative weight does not undo.
    ///
    /// - Parameters:
    ///   - model: the model to change. Copies of it stay as they are.
    ///   - weight: a finite factor of the changes.
    ///
    /// Throws ``ModelError``, and changes nothing, when the model has no such layer or its shape does not fit, when it is a student at other
    /// timesteps than ``oneStep``, and when the weight or a resulting parameter is not finite; `AutogradError` for a layer whose weight is in 8-bit integers.
    public func merge(into model: inout TextToImageModel, weight: Float = 1) throws {
        if let other = model.oneStep, let oneStep, other != oneStep {
            throw ModelError.invalidArgument(
                operation: "LowRankWeights.merge", argument: "model",
                expected: "a multi-step model, or the LoRA's \(oneStep.summary) (\(oneStep.levels))",
                found: "a \(other.summary) (\(other.levels))")
        }
        try oneStep?.check(on: model.schedule, "LowRankWeights.merge")
        let network = model.network.copy(trainable: false)
        let targets = try targets(
            in: model.textEncoder.adaptedParameters.merging([.unet: network.parameters]) { $1 })
        let textLayers = layers.filter { $0.part != .unet }
        var encoder = model.textEncoder
        if !textLayers.isEmpty {
            try encoder.merge(LowRankWeights(layers: textLayers, scaleSource: scaleSource), weight: weight)
        }
        try Self.add(targets.filter { $0.layer.part == .unet }, weight: weight)
        network.parameters.makeReadOnly()
        model.network = network
        if !textLayers.isEmpty { model.textEncoder = encoder }
        model.oneStep = model.oneStep ?? oneStep
    }

    /// Adds the changes to the weights of networks in memory, and throws as the overload for a model does, and `ReadOnlyParametersError`
    /// for those of a model.
    public func merge(into networks: [Part: ParameterSet], weight: Float = 1) throws {
        try networks.values.forEach { try $0.checkIsChangeable() }
        try Self.add(try targets(in: networks), weight: weight)
    }

    /// Adds the changes to all initialised parameters, or throws and changes none.
    private static func add(_ targets: [(layer: Layer, parameter: Parameter)], weight: Float) throws {
        guard weight.isFinite else {
            throw ModelError.invalidArgument(
                operation: "LowRankWeights.merge", argument: "weight", expected: "a finite number", found: "\(weight)")
        }
        try targets.map(\.parameter).checkAreNotQuantized(for: "LowRankWeights.merge")
        var before: [(Parameter, Tensor)] = []
        for (layer, parameter) in targets {
            let sum = layer.changed(parameter.isInitialized ? parameter.value : nil, weight, shape: parameter.shape)
            guard sum.nonFiniteCount() == 0 else {
                for (parameter, value) in before { parameter.value = value }
                throw ModelError.invalidArgument(
                    operation: "LowRankWeights.merge", argument: parameter.path,
                    expected: "finite weights after the change, whose scale is \(layer.scale) × \(weight)",
                    found: "\(sum.nonFiniteCount()) that are infinite or not a number")
            }
            guard parameter.isInitialized else { continue }
            before.append((parameter, parameter.value))
            parameter.value = sum
        }
    }

    /// The parameter that each layer changes. Those of a text encoder that is not in memory have a shape but no value. Throws when
    /// one is missing or its shape does not fit.
    func targets(in model: TextToImageModel) throws -> [(layer: Layer, parameter: Parameter)] {
        try targets(in: model.textEncoder.adaptedParameters.merging([.unet: model.network.parameters]) { $1 })
    }

    /// The parameter that each layer changes. Throws when one is missing or its shape does not fit.
    private func targets(in networks: [Part: ParameterSet]) throws -> [(layer: Layer, parameter: Parameter)] {
        var parameters = networks.mapValues(Self.layers)
        if let unet = parameters[.unet], layers.contains(where: { OriginalUNetPaths.isOriginal($0.flatPath) }) {
            let paths = unet.values.map { String($0.path.dropLast(".weight".count)) }
            for (original, path) in OriginalUNetPaths.paths(of: paths) {
                parameters[.unet]?[original] = unet[path.replacing(".", with: "_")]
            }
        }
        var mismatch = ParameterLoadingError()
        var targets: [(layer: Layer, parameter: Parameter)] = []
        for layer in layers {
            guard let parameter = parameters[layer.part]?[layer.flatPath] else {
                mismatch.unexpected.append("\(layer.part.rawValue).\(layer.flatPath)")
                continue
            }
            if layer.fits(parameter.shape) {
                targets.append((layer, parameter))
            } else {
                mismatch.mismatched.append(
                    .init(name: parameter.path, expected: parameter.shape, found: layer.form.shape))
            }
        }
        guard mismatch == ParameterLoadingError() else {
            throw ModelError.weightMismatch(path: "the LoRA's layers", mismatch: mismatch)
        }
        return targets
    }

    /// The weights, keyed by the flat paths of their layers.
    private static func layers(of parameters: ParameterSet) -> [String: Parameter] {
        var layers: [String: Parameter] = [:]
        for parameter in parameters.all where parameter.path.hasSuffix(".weight") {
            layers[String(parameter.path.dropLast(".weight".count)).replacing(".", with: "_")] = parameter
        }
        return layers
    }
}

extension LowRankWeights.Layer {
    /// Whether the change and its norms belong to a weight of this shape.
    fileprivate func fits(_ shape: [Int]) -> Bool {
        guard form.fits(shape) else { return false }
        return switch magnitude {
        case .outputs(let norms): shape.count > 1 && norms.count == shape[0]
        case .inputs(let norms): shape.count > 1 && norms.count == shape[1]
        case nil: true
        }
    }

    /// The weight after the change, or only the change if the weight is nil because it is not in memory.
    fileprivate func changed(_ value: Tensor?, _ weight: Float, shape: [Int]) -> Tensor {
        let change = form.change(of: shape)
        guard let magnitude else {
            let scaled = change * (weight * scale)
            return value.map { $0 + scaled } ?? scaled
        }
        guard let value else { return change * scale }
        return value + (magnitude.applied(to: value + change * scale) - value) * weight
    }
}
