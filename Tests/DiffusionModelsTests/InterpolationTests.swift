import Foundation
import SwiftBrushTestFixtures
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Interpolation between images")
struct InterpolationTests {
    private let student: TextToImageModel

    init() throws {
        student = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-student"))
    }

    @Test("slerp divides a quarter circle into equal angles and reaches its end")
    func sphere() {
        let (a, b) = (Tensor([2, 0], shape: [2]), Tensor([0, 2], shape: [2]))
        let root = 2.0.squareRoot()
        let steps: [(share: Double, expected: [Double])] = [
            (0, [2, 0]), (1.0 / 3, [Double(3).squareRoot(), 1]), (0.5, [root, root]), (1, [0, 2]),
        ]
        for (share, expected) in steps {
            let found = a.slerp(to: b, by: share).scalars
            // Float32 rounding.
            #expect(zip(found, expected).allSatisfy { abs(Double($0) - $1) < 1e-6 }, "\(share): \(found)")
        }
        #expect(a.slerp(to: a, by: 0.3).scalars == a.scalars)
        #expect(a.slerp(to: a * -1, by: 0.5).scalars == [0, 0])
        #expect(Tensor([0, 0], shape: [2]).slerp(to: b, by: 0.5).scalars == [0, 1])
    }

    @Test("The ends of an interpolation match their prompt and seed, and its middle differs from both")
    func ends() throws {
        for (first, last): ((String, UInt64), (String, UInt64)) in [
            (("a red heart", 0), ("a red heart", 7)), (("a red heart", 3), ("a blue circle", 3)),
            (("a cat", 1), ("a blue circle", 2)),
        ] {
            let row = try student.latents(from: first, to: last, count: 3)
            #expect(row.shape == [3, 16, 16, 4])
            let ends = try [first, last].map { try student.latents(for: [$0.0], seed: $0.1) }
            #expect(row.sliced(axis: 0, 0..<1).scalars == ends[0].scalars)
            #expect(row.sliced(axis: 0, 2..<3).scalars == ends[1].scalars)
            let middle = row.sliced(axis: 0, 1..<2)
            for end in ends { #expect(relativeError(middle, end) > 0.1) }
            #expect(relativeError(middle, (ends[0] + ends[1]) * 0.5) > 0.01)
        }
    }

    @Test("Multi-step models and a count of 1 are refused")
    func errors() throws {
        let teacher = try TextToImageModel(
            contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-teacher"))
        #expect(throws: ModelError.self) { try teacher.latents(from: ("a", 0), to: ("b", 0), count: 3) }
        #expect(throws: ModelError.self) { try self.student.latents(from: ("a", 0), to: ("b", 0), count: 1) }
    }
}
