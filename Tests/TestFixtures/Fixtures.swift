import Foundation
import Tensor

/// The golden files in `Tests/Fixtures`, stored next to the scripts that generate them.
public enum Fixtures {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")

    /// The checkout that the tests were built from.
    public static let package = root.deletingLastPathComponent().deletingLastPathComponent()

    /// The URL of a file or folder in `Tests/Fixtures`.
    public static func url(_ path: String) -> URL { root.appending(path: path) }

    /// Copies the small model of Stable Diffusion XL's kind into a new folder, with the vocabulary and merges of its tokenizers.
    public static func copyXLModel(to folder: URL) throws {
        try FileManager.default.copyItem(at: url("models/xl"), to: folder)
        for part in ["tokenizer", "tokenizer_2"] {
            for name in ["vocab.json", "merges.txt"] {
                try FileManager.default.copyItem(
                    at: url("tokenizer/small/\(name)"), to: folder.appending(path: "\(part)/\(name)"))
            }
        }
    }

    /// All tensors of a safetensors file, integers as Float32.
    public static func tensors(_ path: String) throws -> [String: Tensor] {
        let file = try SafetensorsFile(contentsOf: url(path))
        var tensors: [String: Tensor] = [:]
        for name in file.names {
            guard let info = file.info(name) else { continue }
            switch info.scalarType {
            case .float64, .float32, .float16, .bfloat16: tensors[name] = try file.tensor(name)
            default: tensors[name] = Tensor(try file.integers(name).map { Float($0) }, shape: info.shape)
            }
        }
        return tensors
    }
}

/// max |found − expected| over the standard deviation of `expected`; infinite if the shapes differ or `found` is
/// not finite.
public func relativeError(_ found: Tensor, _ expected: Tensor) -> Double {
    guard found.shape == expected.shape, found.nonFiniteCount() == 0 else { return .infinity }
    let mean = expected.mean()
    let variance = expected.squaredNorm() / Double(expected.count) - mean * mean
    let worst = Double((found - expected).absolute().maximum())
    return worst == 0 ? 0 : worst / max(variance, 1e-60).squareRoot()
}
