import DiffusionModels
import Foundation
import SwiftBrushTestFixtures
import Synchronization
import Tensor
import Testing

@Suite("LoadingProgress")
struct LoadingProgressTests {
    private static let student = Fixtures.package.appending(path: "Examples/Models/emoji-student")

    /// Records progress reports in order.
    private final class Listener: Sendable {
        let reports = Mutex<[LoadingProgress]>([])

        var networks: [String] {
            reports.withLock { $0.map(\.network).reduce(into: []) { if $0.last != $1 { $0.append($1) } } }
        }
    }

    private func checkpoint(_ listener: Listener, of model: URL = student) throws -> ModelFiles {
        var checkpoint = try ModelFiles(contentsOf: model)
        checkpoint.progress = { progress in listener.reports.withLock { $0.append(progress) } }
        return checkpoint
    }

    @Test("A network's loaded bytes grow with every tensor, up to the total of its file")
    func bytes() throws {
        let listener = Listener()
        _ = try checkpoint(listener).unet()
        let file = try SafetensorsFile(
            contentsOf: Self.student.appending(path: "unet/diffusion_pytorch_model.safetensors"))
        let infos = file.names.compactMap { file.info($0) }
        let total = infos.reduce(0) { $0 + $1.scalarType.byteCount * $1.shape.reduce(1, *) }
        let reports = listener.reports.withLock { $0 }
        #expect(reports.count == infos.count)
        #expect(reports.allSatisfy { $0.network == "unet" && $0.totalBytes == total })
        #expect(zip(reports, reports.dropFirst()).allSatisfy { $0.loadedBytes < $1.loadedBytes })
        #expect(reports.last?.loadedBytes == total)
        #expect(reports.last?.fraction == 1)
    }

    @Test(
        "A tensor of a single file that has several weights is counted once",
        arguments: SingleFileFamily.allCases)
    func sharedTensors(family: SingleFileFamily) throws {
        let listener = Listener()
        let checkpoint = try checkpoint(listener, of: family.file)
        _ = try (checkpoint.unet(), checkpoint.autoencoder(), checkpoint.textEncoder())
        let reports = listener.reports.withLock { $0 }
        for network in ["unet", "vae", "text_encoder"] {
            let own = reports.filter { $0.network == network }
            #expect(own.last?.fraction == 1, "\(network)")
            #expect(own.dropLast().allSatisfy { $0.fraction < 1 }, "\(network)")
        }
    }

    @Test("The text encoder is loaded when prompts are encoded, and not again for their embeddings")
    func once() throws {
        let listener = Listener()
        let model = try TextToImageModel(checkpoint(listener))
        #expect(listener.networks == ["unet", "vae"])
        let keeping = try model.keepingEmbeddings(of: ["a red heart", ""])
        #expect(listener.networks == ["unet", "vae", "text_encoder"])
        let count = listener.reports.withLock { $0.count }
        _ = try keeping.latents(for: ["a red heart"], seed: 1)
        #expect(listener.reports.withLock { $0.count } == count)
    }
}
