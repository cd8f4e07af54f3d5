import Foundation
import Tensor

/// Inputs of a model's parts and their outputs by PyTorch in Float32, as Tests/Fixtures/full-size writes them.
struct Golden {
    private let file: SafetensorsFile

    init(contentsOf url: URL) throws { file = try SafetensorsFile(contentsOf: url) }

    func tensor(_ name: String) throws -> Tensor { try file.tensor(name) }

    /// A map, channels-last.
    func map(_ name: String) throws -> Tensor { try tensor(name).transposed([0, 2, 3, 1]) }

    /// The text encoder's tokens.
    func tokens() throws -> [[Int]] {
        let shape = file.info("text.ids")?.shape ?? [1, 77]
        let tokens = try file.integers("text.ids")
        return (0..<shape[0]).map { Array(tokens[$0 * shape[1]..<($0 + 1) * shape[1]]) }
    }

    /// The error of a part's output over the reference's standard deviation; nil for a part without a reference.
    func errors(of output: Tensor, _ part: Part) throws -> (rms: Double, max: Double)? {
        let reference: Tensor
        switch part {
        case .text: reference = try tensor("text.out")
        case .unet: reference = try map("unet.out")
        case .decode: reference = try map("vae.out")
        case .training, .iteration: return nil
        }
        let difference = output - reference
        let mean = reference.mean()
        let deviation = (reference.squaredNorm() / Double(reference.count) - mean * mean).squareRoot()
        return (
            (difference.squaredNorm() / Double(difference.count)).squareRoot() / deviation,
            Double(difference.absolute().maximum()) / deviation
        )
    }
}
