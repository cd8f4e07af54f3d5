import Autograd
import DiffusionModels
import Tensor
import Testing

@testable import Distillation

@Suite("Adapter targets")
struct AdapterTargetTests {
    private func error(_ targets: [String], on network: UNet2DConditionModel) -> AdapterTargetError? {
        var stream = RandomStream(seed: 0)
        do {
            _ = try FakeScore(adapting: network, rank: 2, alpha: 2, targets: targets, using: &stream)
            return nil
        } catch {
            return error as? AdapterTargetError
        }
    }

    @Test("Targets that match no layer, or one that cannot be adapted, are reported by name")
    func targets() throws {
        let network = try ReferenceRun().teacher
        let suffix = "transformer_blocks.0.attn1.to_q"
        for targets in [["to_q"], ["to_q", "to_v"], ["attn1.to_q", "conv_in"], ["ff.net.2", "proj_in"], [suffix]] {
            #expect(error(targets, on: network) == nil, "\(targets)")
        }
        #expect(error([], on: network)?.isEmpty == true)
        #expect(error(["nope", "to_q", "to_q.to_k", ""], on: network)?.missing == ["nope", "to_q.to_k", ""])
        for other in ["norm1", "attn1", "conv_norm_out", "mid_block"] {
            let found = try #require(error([other, "nope"], on: network), "\(other)")
            #expect(found.unsuitable.map(\.target) == [other] && found.missing == ["nope"])
            #expect(
                "\(found)".contains("adapter target \"\(other)\" matches") && "\(found)".contains("\"nope\" not found"))
        }
        var settings = DistillationConfiguration()
        settings.adapterTargets = ["nope"]
        #expect(throws: AdapterTargetError.self) { try settings.checkAdapterTargets(on: network) }
        settings.fakeScoreWeights = .copy
        try settings.checkAdapterTargets(on: network)
    }

    @Test("A rank below 1 and an alpha that is not finite are errors")
    func sizes() throws {
        let network = try ReferenceRun().teacher
        var stream = RandomStream(seed: 0)
        for (rank, alpha) in [(0, 1.0), (-1, 1), (1, .nan), (1, .infinity)] {
            #expect(throws: DistillationError.self) {
                _ = try FakeScore(adapting: network, rank: rank, alpha: alpha, targets: ["to_q"], using: &stream)
            }
        }
        // A rank above the layer's width adds nothing, but is allowed, as in PEFT.
        _ = try FakeScore(adapting: network, rank: 500, alpha: 1, targets: ["to_q"], using: &stream)
    }
}
