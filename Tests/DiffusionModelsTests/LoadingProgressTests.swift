import DiffusionModels
import Foundation
import Synchronization
import Tensor
import TestFixtures
import Testing

@Suite("Progress of loading")
struct LoadingProgressTests {
    private static let student = Fixtures.package.appending(path: "Examples/Models/emoji-student")

    /// What was told, in order.
    private final class Listener: Sendable {
        let told = Mutex<[LoadingProgress]>([])

        var networks: [String] {
            told.withLock { $0.map(\.network).reduce(into: []) { if $0.last != $1 { $0.append($1) } } }
        }
    }

    private func checkpoint(_ listener: Listener, of model: URL = student) throws -> ModelFiles {
        var checkpoint = try ModelFiles(contentsOf: model)
        checkpoint.progress = { progress in listener.told.withLock { $0.append(progress) } }
        return checkpoint
    }

    @Test("Every network's bytes are counted tensor by tensor, up to all of its file's")
    func bytes() throws {
        let listener = Listener()
        _ = try checkpoint(listener).unet()
        let file = try SafetensorsFile(
            contentsOf: Self.student.appending(path: "unet/diffusion_pytorch_model.safetensors"))
        let infos = file.names.compactMap { file.info($0) }
        let total = infos.reduce(0) { $0 + $1.scalarType.byteCount * $1.shape.reduce(1, *) }
        let told = listener.told.withLock { $0 }
        #expect(told.count == infos.count)
        #expect(told.allSatisfy { $0.network == "unet" && $0.totalBytes == total })
        #expect(zip(told, told.dropFirst()).allSatisfy { $0.loadedBytes < $1.loadedBytes })
        #expect(told.last?.loadedBytes == total)
        #expect(told.last?.fraction == 1)
    }

    @Test(
        "A tensor of a single file that stands for several weights is counted once",
        arguments: SingleFileFamily.allCases)
    func sharedTensors(family: SingleFileFamily) throws {
        let listener = Listener()
        let checkpoint = try checkpoint(listener, of: family.file)
        _ = try (checkpoint.unet(), checkpoint.autoencoder(), checkpoint.textEncoder())
        let told = listener.told.withLock { $0 }
        for network in ["unet", "vae", "text_encoder"] {
            let own = told.filter { $0.network == network }
            #expect(own.last?.fraction == 1, "\(network)")
            #expect(own.dropLast().allSatisfy { $0.fraction < 1 }, "\(network)")
        }
    }

    @Test("The text encoder is read when prompts are encoded, and not again to recognise their embeddings")
    func once() throws {
        let listener = Listener()
        let model = try TextToImageModel(checkpoint(listener))
        #expect(listener.networks == ["unet", "vae"])
        let embeddings = try model.embeddings(for: ["a red heart", ""])
        #expect(listener.networks == ["unet", "vae", "text_encoder"])
        let count = listener.told.withLock { $0.count }
        _ = try model.latents(for: ["a red heart"], seed: 1, embeddings: embeddings)
        #expect(listener.told.withLock { $0.count } == count)
    }
}
