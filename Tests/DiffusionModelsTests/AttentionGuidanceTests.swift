import Autograd
import Foundation
import SwiftBrushTestFixtures
import SwiftBrushTestTraits
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Attention guidance", .highestPrecision)
struct AttentionGuidanceTests {
    private let student: TextToImageModel

    init() throws {
        student = try TextToImageModel(contentsOf: Fixtures.package.appending(path: "Examples/Models/emoji-student"))
    }

    private static let settings: [(name: String, guidance: AttentionGuidance)] = [
        ("usual", .normalized()), ("clipped", .normalized(scale: 8, threshold: 1.05, blend: 1)),
        ("unclipped", .normalized(scale: 1.5, threshold: 100, blend: 0.25)), ("subtracted", .subtracted(scale: 0.3)),
    ]

    @Test(
        "A network that avoids a text matches diffusers with an attention processor of this kind",
        arguments: settings.indices)
    func parity(index: Int) throws {
        let (name, guidance) = Self.settings[index]
        let golden = try Fixtures.tensors("attention-guidance/golden.safetensors")
        let network = try #require(
            student.network.avoiding(TextCondition(tokens: golden.golden("avoided")), by: guidance))
        let output = network.predict(
            Variable(try golden.map("in")), at: [999, 300], given: TextCondition(tokens: try golden.golden("text")))
        #expect(relativeError(output.value.channelsFirst(), try golden.golden(name)) <= 2e-5)
        // A copy avoids it too.
        let copy = network.copy(trainable: false).predict(
            Variable(try golden.map("in")), at: [999, 300], given: TextCondition(tokens: try golden.golden("text")))
        #expect(copy.value == output.value)
    }

    @Test("Without guidance, and with the prompt itself, images are the same bit for bit")
    func nothing() throws {
        let plain = try student.latents(for: ["a red heart"], seed: 1)
        for (text, guidance) in [
            ("a dog", .normalized(scale: 1)), ("a dog", .normalized(blend: 0)), ("a dog", .subtracted(scale: 0)),
            ("a red heart", .normalized()),
        ] as [(String, AttentionGuidance)] {
            #expect(try student.avoiding(text, by: guidance).latents(for: ["a red heart"], seed: 1) == plain)
        }
        #expect(try student.avoiding("a dog").latents(for: ["a red heart"], seed: 1) != plain)
    }

    @Test("An image does not depend on those that it is generated with")
    func batches() throws {
        let model = try student.avoiding("yellow")
        let both = try model.latents(for: ["a red heart", "a face"], seed: 3)
        let second = try model.latents(for: ["a face"], seed: 4)
        #expect(relativeError(both.sliced(axis: 0, 1..<2), second) <= 1e-5)
    }

    @Test("Settings out of range and other networks are refused")
    func refusals() {
        for guidance in [
            .normalized(scale: .nan), .normalized(threshold: 0), .normalized(blend: 1.5), .subtracted(scale: .infinity),
        ] as [AttentionGuidance] {
            #expect(throws: ModelError.self) { try student.avoiding("a", by: guidance) }
        }
    }
}
