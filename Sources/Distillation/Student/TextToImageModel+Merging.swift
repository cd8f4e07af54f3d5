import Autograd
import DiffusionModels

extension TextToImageModel {
    /// The mean of the weights of several students of one teacher, nil for none. Throws as ``merged(with:share:)``.
    public static func mean(of students: [TextToImageModel]) throws -> TextToImageModel? {
        try students.dropFirst().enumerated().reduce(students.first) { mean, next in
            try mean?.merged(with: next.element, share: Double(next.offset + 1) / Double(next.offset + 2))
        }
    }

    /// Interpolates the weights of two students of one teacher: θ = λ θ_A + (1 − λ) θ_B, as SwiftBrush v2 merges them (arXiv
    /// 2408.14176, λ = ½). Everything except the denoising network is taken from this model.
    ///
    /// - Parameters:
    ///   - other: B, a student of the same architecture and timestep.
    ///   - share: λ, this model's share; values below 0 or above 1 extrapolate.
    ///
    /// Throws ``DistillationError/invalidSetting(name:expected:found:)`` when the two do not fit, and `AutogradError` for weights in 8-bit
    /// integers.
    public func merged(with other: TextToImageModel, share: Double = 0.5) throws -> TextToImageModel {
        func check(_ isValid: Bool, _ name: String, _ expected: Any, _ found: Any) throws {
            if isValid { return }
            throw DistillationError.invalidSetting(name: name, expected: "\(expected)", found: "\(found)")
        }
        try check(share.isFinite, "share", "a finite number", share)
        try check(oneStep == other.oneStep, "oneStep", oneStep as Any, other.oneStep as Any)
        let (mine, others) = (network.parameters, other.network.parameters)
        try check(mine.paths.sorted() == others.paths.sorted(), "parameters", "the same names", "different ones")
        for merged in [mine, others] { try merged.all.checkAreNotQuantized(for: "TextToImageModel.merged") }
        let parameters = mine.copy(trainable: false)
        for parameter in parameters.all {
            guard let second = others[parameter.path] else { continue }
            try check(second.shape == parameter.shape, parameter.path, parameter.shape, second.shape)
            var value = parameter.value
            value.interpolate(towards: second.value, by: Float(1 - share))
            parameter.value = value
        }
        var model = self
        model.network = network.over(parameters.scope)
        return model
    }
}
