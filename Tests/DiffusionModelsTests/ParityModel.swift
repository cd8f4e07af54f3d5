import Foundation
import SwiftBrushTestFixtures
import Tensor

@testable import DiffusionModels

/// A small random-weight model in the fixtures, with outputs computed by PyTorch.
struct ParityModel: Sendable, CustomStringConvertible {
    let name: String

    static let all = ["a", "b", "c", "d", "e"].map { ParityModel(name: $0) }

    var description: String { name }
    var folder: URL { Fixtures.url("models/\(name)") }

    func golden() throws -> [String: Tensor] { try Fixtures.tensors("models/\(name)/golden.safetensors") }
}

extension [String: Tensor] {
    /// A golden tensor. Throws if the fixture lacks it.
    func golden(_ name: String) throws -> Tensor {
        guard let tensor = self[name] else { throw MissingGolden(name: name) }
        return tensor
    }

    /// A golden feature map, transposed from `[batch, channels, height, width]` to channels last.
    func map(_ name: String) throws -> Tensor { try golden(name).channelsLast() }

    /// Golden integers, in row-major order.
    func integers(_ name: String) throws -> [Int] { try golden(name).scalars.map { Int($0) } }

    /// Golden token ids, one row per prompt.
    func tokens(_ name: String) throws -> [[Int]] {
        let length = try golden(name).shape[1]
        let all = try integers(name)
        return stride(from: 0, to: all.count, by: length).map { Array(all[$0..<$0 + length]) }
    }
}

struct MissingGolden: Error {
    let name: String
}
