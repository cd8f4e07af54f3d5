import Foundation
import Tensor
import TestFixtures

@testable import DiffusionModels

/// A small random-weight model in the fixtures and what PyTorch computed with it.
struct ParityModel: Sendable, CustomStringConvertible {
    let name: String

    static let all = ["a", "b", "c", "d", "e"].map { ParityModel(name: $0) }

    var description: String { name }
    var folder: URL { Fixtures.url("models/\(name)") }

    func golden() throws -> [String: Tensor] { try Fixtures.tensors("models/\(name)/golden.safetensors") }
}

extension [String: Tensor] {
    /// A golden tensor, whose absence is a broken fixture.
    func golden(_ name: String) throws -> Tensor {
        guard let tensor = self[name] else { throw MissingGolden(name: name) }
        return tensor
    }

    /// A golden feature map, turned from `[batch, channels, height, width]`.
    func map(_ name: String) throws -> Tensor { try golden(name).channelsLast() }

    /// Golden integers, of a matrix row by row.
    func integers(_ name: String) throws -> [Int] { try golden(name).scalars.map { Int($0) } }

    /// Golden token ids, a row a prompt.
    func tokens(_ name: String) throws -> [[Int]] {
        let length = try golden(name).shape[1]
        let all = try integers(name)
        return stride(from: 0, to: all.count, by: length).map { Array(all[$0..<$0 + length]) }
    }
}

struct MissingGolden: Error {
    let name: String
}
