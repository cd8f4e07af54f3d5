import Foundation
import Tensor
import Testing

@testable import DiffusionModels

@Suite("Malformed LoRA files")
final class LowRankFileTests {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "lora-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }

    deinit { try? FileManager.default.removeItem(at: folder) }

    private func expectError(_ words: String, _ body: () throws -> Void) {
        do {
            try body()
            Issue.record("no error for \(words)")
        } catch {
            #expect("\(error)".contains(words), "\(error)")
        }
    }

    @Test("Malformed tensors are refused and named in the error")
    func hostile() throws {
        let layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q"
        func expect(_ tensors: [(String, Tensor)], _ words: String) throws {
            let file = folder.appending(path: "hostile.safetensors")
            try Safetensors.write(
                tensors.map { (name: "\(layer).\($0.0)", tensor: $0.1) }, allowsNonFinite: true, to: file)
            expectError(words) { _ = try LowRankWeights(contentsOf: file) }
        }
        let (down, up) = (("lora_down.weight", Tensor.ones([2, 24])), ("lora_up.weight", Tensor.ones([24, 2])))
        try expect([down, up, ("alpha", .ones([2]))], "alpha\": expected one number, found shape [2]")
        try expect([down, up, ("alpha", .ones([0]))], "alpha\": expected one number, found shape [0]")
        try expect([down, up, ("alpha", Tensor(.infinity))], "expected a finite number, found inf")
        try expect([("lora_down.weight", .ones([0, 24])), ("lora_up.weight", .ones([24, 0]))], "found [0, 24]")
        try expect(
            [("lora_down.weight", .ones([2, 24, 1])), ("lora_up.weight", .ones([24, 2, 1]))], "found [2, 24, 1]")
        try expect([("lora_down.weight", .ones([])), ("lora_up.weight", .ones([]))], "found []")
        try expect([("lora_down.weight", .ones([2, 24, 1, 1])), up], "of one rank that multiply")
        try expect(
            [("lora_down.weight", .ones([2, 24, 3, 3])), ("lora_up.weight", .ones([24, 2, 3, 3]))], "that multiply")
        try expect([down, ("lora_up.weight", Tensor(repeating: .nan, shape: [24, 2]))], "lora_up.weight (48 of 48")
        try expect([down, up, ("lora_A.weight", .ones([2, 24]))], "the same matrix of one layer")
        for (name, kind) in [
            ("dora_scale", "one norm per output or input"), ("hada_w1_a", "one kind of change"),
            ("lokr_w1", "one kind of change"), ("diff", "one kind of change"), ("diff_b", "differences of biases"),
            ("lora_up.bias", "biases"), ("oft_blocks", "merge_and_unload"),
        ] {
            try expect([down, up, (name, .ones([2]))], kind)
        }
        try expect([("hada_w1_a", .ones([24, 2]))], "only some of its matrices hada_w1_a, hada_w1_b")
        let (left, right) = (Tensor.ones([24, 2]), Tensor.ones([2, 24]))
        try expect(
            [("hada_w1_a", left), ("hada_w1_b", right), ("hada_w2_a", left), ("hada_w2_b", .ones([3, 24]))], "one rank")
        try expect(
            [("hada_w1_a", left), ("hada_w1_b", right), ("hada_w2_a", left), ("hada_w2_b", .ones([2, 9]))],
            "two products of one shape")
        try expect([("lokr_w1", .ones([2, 2])), ("lokr_w2_a", left)], "only some of its matrices lokr_w2")
        try expect([("lokr_w1", .ones([2, 2, 1, 1])), ("lokr_w2", left)], "a matrix as the first factor")
        try expect(
            [
                ("lokr_w1", .ones([1, 1])), ("lokr_t2", .ones([20_000, 1, 1, 1])), ("lokr_w2_a", .ones([20_000, 1])),
                ("lokr_w2_b", .ones([1, 20_000])),
            ], "expected a product with its kernel of at most")
        try expect(
            [
                ("lora_down.weight", .ones([1, 20_000, 1, 1])), ("lora_mid.weight", .ones([20_000, 1, 1, 1])),
                ("lora_up.weight", .ones([1, 20_000, 1, 1])),
            ], "expected a product with lora_mid of at most")
        let pickle = folder.appending(path: "lora.pt")
        try Data([0x80, 2]).write(to: pickle)
        expectError("Python pickle") { _ = try LowRankWeights(contentsOf: pickle) }
        expectError("adapter_model.safetensors or pytorch_lora_weights.safetensors") {
            let empty = folder.appending(path: "empty")
            try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
            _ = try LowRankWeights(contentsOf: empty)
        }
    }

    @Test("PathPattern matches as PEFT does, in time bounded by the path's length")
    func patterns() throws {
        let path = "down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q"
        for (pattern, fits) in [
            ("to_q", true), ("q", false), ("attn1.to_q", true), ("attn1", false), ("^down_blocks.*to_q", true),
            ("^attn1.to_q", false), (#"attn[12]\.to_(q|k)"#, true), (#"attn\d.to_[^q]"#, false), (path, true),
            (#"down_blocks\.\d+\..*to_q$"#, true), ("(down|up)_blocks.+", true), ("x?to_q", true), ("a*", false),
            ("(a*)*b", false), ("(?:attn1.)?to_q", true),
        ] {
            #expect(try PathPattern(pattern).matches(path) == fits, "\(pattern)")
        }
        for pattern in ["(", ")", "*a", "[a", "a{2}", "(?=a)", "\\1", String(repeating: "(", count: 99)] {
            #expect(throws: PathPattern.Unsupported.self) { try PathPattern(pattern) }
        }
        let slow = try PathPattern(String(repeating: "(a*)*", count: 20) + "b")
        #expect(!slow.matches(String(repeating: "a", count: 5_000)))
    }
}
