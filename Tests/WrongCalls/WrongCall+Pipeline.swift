import Autograd
import DiffusionModels
import Foundation
import Tensor

extension WrongCall {
    /// Prompts, sizes, counts and settings of the pipeline, with a model's own networks.
    static let pipeline: [WrongCall] = generation + sampling + folders

    private static let generation: [WrongCall] = [
        WrongCall("one step: no prompts", "prompts", "at least one", "none") { bench in
            _ = try bench.student.pictures(for: [], seed: 0)
        },
        WrongCall("one step: of a multi-step model", "not a one-step student") { bench in
            _ = try bench.teacher.get().picture(for: "a", seed: 0)
        },
        WrongCall("one step: from a picture", "start", "noise", "a picture") { bench in
            let picture = try Picture(width: 16, height: 16, pixels: Array(repeating: 0, count: 768))
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .picture(picture, strength: 0.5))
        },
        WrongCall("one step: from latents of another rank", "latents", "[1 pictures, height, width, 4]", "[8, 8, 4]") {
            bench in
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .latents(.zeros([8, 8, 4])))
        },
        WrongCall("one step: from latents of 3 channels", "latents", "[1 pictures, height, width, 4]", "[1, 8, 8, 3]") {
            bench in
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .latents(.zeros([1, 8, 8, 3])))
        },
        WrongCall("one step: from latents of too few images", "latents", "[2 pictures, ", "[1, 8, 8, 4]") { bench in
            _ = try bench.student.pictures(for: ["a", "b"], seed: 0, start: .latents(.zeros([1, 8, 8, 4])))
        },
        WrongCall("one step: of no pixels", "height", "at least 1", "0") { bench in
            let size = LatentSize(height: 0, width: 8)
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .noise(size: size))
        },
        WrongCall("one step: of a negative size", "width", "at least 1", "-8") { bench in
            let size = LatentSize(height: 8, width: -8)
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .noise(size: size))
        },
        WrongCall("one step: larger than memory", "size", "memory", "100000000 × 100000000") { bench in
            let size = LatentSize(height: 50_000_000, width: 50_000_000)
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .noise(size: size))
        },
        WrongCall("one step: of the largest integer", "size", "memory") { bench in
            let size = LatentSize(height: .max / 8, width: .max / 8)
            _ = try bench.student.pictures(for: ["a"], seed: 0, start: .noise(size: size))
        },
        WrongCall("starting latents: none", "count", "at least 1", "0") { bench in
            _ = try bench.student.startingLatents(count: 0, seed: 0)
        },
        WrongCall("starting latents: a negative number", "count", "at least 1", "-1") { bench in
            _ = try bench.student.startingLatents(count: -1, seed: 0)
        },
        WrongCall("starting latents: a huge number", "size", "memory") { bench in
            _ = try bench.student.startingLatents(count: .max, seed: 0)
        },
        WrongCall("interpolation: one image", "count", "at least 2", "1") { bench in
            _ = try bench.student.latents(from: ("a", 0), to: ("b", 1), count: 1)
        },
        WrongCall("interpolation: a huge number", "size", "memory") { bench in
            _ = try bench.student.latents(from: ("a", 0), to: ("b", 1), count: .max)
        },
        WrongCall("decoding: latents of another rank", "latents", "[pictures, height, width, 4]", "[4]") { bench in
            _ = try bench.student.pictures(from: .zeros([4]))
        },
        WrongCall("decoding: latents of 5 channels", "latents", "[pictures, height, width, 4]", "[1, 8, 8, 5]") {
            bench in
            _ = try bench.student.pictures(from: .zeros([1, 8, 8, 5]))
        },
        WrongCall("decoding: no latents", "latents", "[0, 8, 8, 4]") { bench in
            _ = try bench.student.pictures(from: .zeros([0, 8, 8, 4]))
        },
        WrongCall("decoding: NaN", "non-finite") { bench in
            _ = try bench.student.pictures(from: Tensor(repeating: .nan, shape: [1, 8, 8, 4]))
        },
        WrongCall("latent size: not a multiple", "height", "multiple of 2", "7") { bench in
            _ = try bench.student.latentSize(height: 7, width: 8)
        },
        WrongCall("fitted: a picture of one pixel", "picture", "at least 2 pixels", "1 × 1") { bench in
            _ = try bench.student.fitted(Picture(width: 1, height: 1, pixels: [0, 0, 0]))
        },
        WrongCall("fitted: to a negative height", "height", "multiple of 2", "-2") { bench in
            _ = try bench.student.fitted(
                Picture(width: 4, height: 4, pixels: Array(repeating: 0, count: 48)), height: -2)
        },
        WrongCall("embeddings: no prompts", "prompts", "at least one", "none") { bench in
            _ = try bench.teacher.get().embeddings(for: [])
        },
    ]

    /// A sampling of the multi-step model after a change of its settings.
    private static func sampled(
        _ name: String, _ parts: String..., start: SamplingStart = .noise(),
        change: @escaping @Sendable (inout SamplingSettings) -> Void
    ) -> WrongCall {
        WrongCall("sampling: \(name)", parts: parts) { bench in
            var settings = SamplingSettings(steps: 2, guidanceScale: 2)
            change(&settings)
            _ = try bench.teacher.get().samples(for: ["a"], settings, seed: 0, start: start)
        }
    }

    private static func encoding(
        _ name: String, _ parts: String..., change: @escaping @Sendable (inout PromptEncoding) -> Void
    ) -> WrongCall {
        WrongCall("prompts: \(name)", parts: parts) { bench in
            let files = try ModelFiles(contentsOf: bench.model())
            var encoder = try CLIPTextEncoder(files)
            change(&encoder.encoding)
            try encoder.check()
            _ = try encoder.embeddings(for: ["a"])
        }
    }

    private static let sampling: [WrongCall] = [
        sampled("no steps", "steps", "at least 1", "0") { $0.steps = 0 },
        sampled("a negative number of steps", "steps", "at least 1", "-1") { $0.steps = -1 },
        sampled("more steps than timesteps", "steps", "1001") { $0.steps = 1001 },
        sampled("a huge number of steps", "steps", "\(Int.max)") { $0.steps = .max },
        sampled("guidance of 1e300", "guidanceScale", "-1000.0 to 1000.0", "1e+300") { $0.guidanceScale = 1e300 },
        sampled("guidance of NaN", "guidanceScale", "-1000.0 to 1000.0", "nan") { $0.guidanceScale = .nan },
        sampled("a rescale of 2", "guidanceRescale", "0.0 to 1.0", "2.0") { $0.guidanceRescale = 2 },
        sampled(
            "latents of another shape", "latents", "[1 pictures, height, width, 4]", "[2, 8, 8, 4]",
            start: .latents(.zeros([2, 8, 8, 4]))
        ) { _ in },
        WrongCall("sampling: a strength of 0", "strength", "above 0", "0.0") { bench in
            let picture = try Picture(width: 16, height: 16, pixels: Array(repeating: 0, count: 768))
            _ = try bench.teacher.get().samples(
                for: ["a"], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0, start: .picture(picture, strength: 0)
            )
        },
        WrongCall("sampling: from a picture that is not a multiple", "multiple of 2", "15") { bench in
            let picture = try Picture(width: 15, height: 16, pixels: Array(repeating: 0, count: 720))
            _ = try bench.teacher.get().samples(
                for: ["a"], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0,
                start: .picture(picture, strength: 0.5))
        },
        WrongCall("sampling: an inpainting network without an image", "start", "an image and a mask", "neither") {
            bench in
            let model = try bench.relative { $0.inputChannels = 9 }
            _ = try model.samples(for: "a", steps: 2, guidanceScale: 1, seed: 0)
        },
        WrongCall("folder: an inpainting network", "start", "an image and a mask", "neither") { bench in
            let model = try bench.relative { $0.inputChannels = 9 }
            _ = try PictureGeneration(
                of: ["a"], by: model, .steps(2, guidanceScale: 1), in: bench.path("images"))
        },
        WrongCall("sampling: a mask of another size", "mask", "16 × 16", "8 × 8") { bench in
            let picture = try Picture(width: 16, height: 16, pixels: Array(repeating: 0, count: 768))
            let mask = try Picture(width: 8, height: 8, pixels: Array(repeating: 255, count: 192))
            _ = try bench.teacher.get().samples(
                for: ["a"], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0,
                start: .inpainting(picture, mask: mask, strength: 1))
        },
        WrongCall("sampling: a strength of the repainted area of 2", "strength", "at most 1", "2.0") { bench in
            let picture = try Picture(width: 16, height: 16, pixels: Array(repeating: 0, count: 768))
            _ = try bench.teacher.get().samples(
                for: ["a"], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0,
                start: .inpainting(picture, mask: picture, strength: 2))
        },
        WrongCall("sampling: a negative prompt that the network does not read", "negativePrompt", "none", "cat") {
            bench in
            let model = try bench.relative { $0.guidanceEmbeddingWidth = 32 }
            _ = try model.samples(for: "a", steps: 2, guidanceScale: 2, seed: 0, negativePrompt: "cat")
        },
        WrongCall("sampling: as a student of more timesteps", "original_inference_steps", "1 to 40", "50") { bench in
            var model = try bench.teacher.get()
            var schedule = NoiseSchedule.Configuration.stableDiffusion
            schedule.timestepCount = 40
            model.schedule = try NoiseSchedule(schedule)
            _ = try model.sampled(as: .lcm)
        },
        WrongCall("sampling: no prompts", "prompts", "at least one", "none") { bench in
            _ = try bench.teacher.get().samples(for: [], SamplingSettings(steps: 2, guidanceScale: 1), seed: 0)
        },
        WrongCall("sampling: of a student", "one-step student") { bench in
            _ = try bench.student.picture(for: "a", steps: 2, guidanceScale: 1, seed: 0)
        },
        WrongCall("sampler: an unknown name", "expected", "sideways") { bench in
            _ = try bench.teacher.get().sampler(named: "sideways")
        },
        WrongCall("sampler: eta of 2", "eta", "2") { bench in
            _ = try bench.teacher.get().sampler(named: "ddim", eta: 2)
        },
        WrongCall("sampler: eta of NaN", "eta", "nan") { bench in
            _ = try bench.teacher.get().sampler(named: "ddim", eta: .nan)
        },
        encoding("0 windows", "encoding.windowLimit", "1 to 1024", "0") { $0.windowLimit = 0 },
        encoding("a huge number of windows", "encoding.windowLimit", "1 to 1024", "\(Int.max)") {
            $0.windowLimit = .max
        },
        encoding("a negative number of skipped layers", "encoding.skippedLayers", "0 to 3", "-1") {
            $0.skippedLayers = -1
        },
        encoding("all layers skipped and one more", "encoding.skippedLayers", "0 to 3", "4") { $0.skippedLayers = 4 },
    ]

    private static let folders: [WrongCall] = [
        WrongCall("generation: no prompts", "prompts", "at least 1", "0") { bench in
            _ = try PictureGeneration(of: [], by: bench.student, .oneStep, in: bench.path())
        },
        WrongCall("generation: no pictures per prompt", "picturesPerPrompt", "at least 1", "0") { bench in
            _ = try PictureGeneration(of: ["a"], picturesPerPrompt: 0, by: bench.student, .oneStep, in: bench.path())
        },
        WrongCall("generation: a negative batch size", "batchSize", "at least 1", "-1") { bench in
            _ = try PictureGeneration(of: ["a"], by: bench.student, .oneStep, in: bench.path(), batchSize: -1)
        },
        WrongCall("generation: no steps", "steps", "at least 1", "0") { bench in
            _ = try PictureGeneration(
                of: ["a"], by: bench.teacher.get(), .steps(0, guidanceScale: 1), in: bench.path())
        },
        WrongCall("generation: a size of 0", "width", "at least 1", "0") { bench in
            _ = try PictureGeneration(
                of: ["a"], by: bench.student, .oneStep, size: LatentSize(height: 8, width: 0), in: bench.path())
        },
        WrongCall("generation: more pictures than an integer counts", "picturesPerPrompt", "expected", "\(Int.max)") {
            bench in
            _ = try PictureGeneration(
                of: ["a", "b"], picturesPerPrompt: .max, by: bench.student, .oneStep, in: bench.path())
        },
        WrongCall("generation: in a folder with other files", "empty folder", "notes.txt") { bench in
            let folder = try bench.emptyFolder()
            try Data("text".utf8).write(to: folder.appending(path: "notes.txt"))
            _ = try PictureGeneration(of: ["a"], by: bench.student, .oneStep, in: folder)
        },
        WrongCall("generation: resumed with other prompts", "prompts", "expected", "found") { bench in
            let folder = bench.path()
            do { _ = try PictureGeneration(of: ["a"], by: bench.student, .oneStep, in: folder) }
            _ = try PictureGeneration(of: ["b"], by: bench.student, .oneStep, in: folder)
        },
    ]
}
