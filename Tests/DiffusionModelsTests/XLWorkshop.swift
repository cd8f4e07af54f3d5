import Foundation
import SwiftBrushTestFixtures
import Tensor

@testable import DiffusionModels

/// The small model of Stable Diffusion XL's kind in a temporary folder, with its tokenizers complete.
final class XLWorkshop {
    let folder = FileManager.default.temporaryDirectory.appending(path: "xl-\(UUID().uuidString)")
    /// The model's folder.
    var model: URL { folder.appending(path: "model") }
    static let tokenizer = Fixtures.package.appending(path: "Tests/Fixtures/tokenizer/small")

    init() throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Fixtures.copyXLModel(to: model)
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var golden: URL { model.appending(path: "golden.safetensors") }

    func tensors() throws -> [String: Tensor] { try Fixtures.tensors("models/xl/golden.safetensors") }

    /// Sets a field of a JSON file of the model.
    func set(_ field: String, _ value: JSONValue?, in path: String) throws {
        let file = model.appending(path: path)
        guard case .object(var fields) = try JSONValue(contentsOf: file, purpose: "a test") else { return }
        fields[field] = value
        try JSONValue.object(fields).write(to: file)
    }
}
