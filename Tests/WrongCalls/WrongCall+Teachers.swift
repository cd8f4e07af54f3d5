import Autograd
import DiffusionModels
import Foundation
import SwiftBrushTeachers
import Tensor

extension WrongCall {
    /// Teachers and autoencoders, their data and their errors.
    static let teachers: [WrongCall] = data + trainers

    private static func picture(_ width: Int = 4, _ height: Int = 4) throws -> Picture {
        try Picture(width: width, height: height, pixels: Array(repeating: 7, count: 3 * width * height))
    }

    private static func caption(_ text: String = "a", split: CaptionedPicture.Split = .train, weight: Double = 1)
        -> CaptionedPicture
    {
        CaptionedPicture(fileName: "\(text).png", text: text, split: split, weight: weight)
    }

    private static let data: [WrongCall] = [
        WrongCall("data set: no pictures", "pictures", "at least one", "none") { _ in _ = try CaptionedPictures([], [])
        },
        WrongCall("data set: too few captions", "captions", "2 pictures", "1") { _ in
            _ = try CaptionedPictures([caption()], [picture(), picture()])
        },
        WrongCall("data set: pictures of different sizes", "pictures", "4 × 4", "2 × 2") { _ in
            _ = try CaptionedPictures([caption(), caption("b")], [picture(), picture(2, 2)])
        },
        WrongCall("data set: an empty part", "pictures", "at least one", "none") { _ in
            _ = try CaptionedPictures([caption()], [picture()]).subset([])
        },
        WrongCall("data set: an index outside it", "indices", "0 to 0", "3") { _ in
            _ = try CaptionedPictures([caption()], [picture()]).subset([3])
        },
        WrongCall("shapes: a side of 0", "side", "1 to 1024", "0") { _ in _ = try CaptionedPictures.shapes(side: 0) },
        WrongCall("shapes: a negative side", "side", "1 to 1024", "-1") { _ in
            _ = try CaptionedPictures.shapes(side: -1)
        },
        WrongCall("shapes: a huge side", "side", "1 to 1024", "\(Int.max)") { _ in
            _ = try CaptionedPictures.shapes(side: .max)
        },
        WrongCall("data set: saved outside its folder", "..") { bench in
            let outside = CaptionedPicture(fileName: "../a.png", text: "a")
            try CaptionedPictures([outside], [picture()]).save(to: bench.path())
        },
    ]

    private static func autoencoder(
        _ name: String, _ parts: String...,
        pictures: @escaping @Sendable () throws -> CaptionedPictures = { try shapes() },
        network: @escaping @Sendable (inout AutoencoderKL.Configuration) -> Void = { _ in }
    ) -> WrongCall {
        WrongCall("autoencoder: \(name)", parts: parts) { _ in
            var configuration = AutoencoderKL.Configuration.small(side: 16)
            network(&configuration)
            _ = try AutoencoderTrainer(pictures: pictures(), network: configuration)
        }
    }

    private static func shapes() throws -> CaptionedPictures { try CaptionedPictures.shapes(side: 16) }

    private static func teacher(
        _ name: String, _ parts: String..., latents: Tensor, captions: [CaptionedPicture],
        network: @escaping @Sendable (Variable) -> Variable = { $0 },
        conditions: @escaping @Sendable ([String]) -> TextCondition = Labels.ones
    ) -> WrongCall {
        WrongCall("teacher: \(name)", parts: parts) { _ in
            var settings = TeacherTrainingConfiguration()
            (settings.batchSize, settings.captions.emptyRate) = (2, 0)
            try TeacherTrainer(
                network: OwnNetwork(output: network), textEncoder: Labels(conditions: conditions), latents: latents,
                captions: captions, configuration: settings
            ).step()
        }
    }

    private static let trainers: [WrongCall] = [
        autoencoder("pictures whose sides are not multiples", "pictures", "multiples of 4", "18 × 18") {
            try CaptionedPictures.shapes(side: 18)
        },
        autoencoder("no training pictures", "training pictures", "none") {
            try CaptionedPictures([caption(split: .heldOut)], [picture(16, 16)])
        },
        autoencoder("weights of 0 alone", "positive weight", "none") {
            try CaptionedPictures([caption(weight: 0)], [picture(16, 16)])
        },
        autoencoder("no blocks", "block_out_channels", "expected", network: { $0.blockChannels = [] }),
        autoencoder(
            "groups that do not divide the channels", "norm_num_groups", network: { $0.normalizationGroups = 7 }),
        autoencoder("a scaling factor of 0", "scaling_factor", "0", network: { $0.scalingFactor = 0 }),
        autoencoder("4 colours", "network", "3 colours", "4 and 3", network: { $0.inputChannels = 4 }),
        WrongCall("autoencoder: latents of pictures of another size", "autoencoder", "multiples of 2", "15 × 15") {
            bench in
            _ = try bench.teacher.get().autoencoder?.latents(of: CaptionedPictures.shapes(side: 15))
        },
        WrongCall(
            "autoencoder: normalised with another scaling factor", "autoencoder", "scaling factor of 1", "0.18215"
        ) { bench in
            _ = try bench.teacher.get().autoencoder?.normalizingLatents(of: shapes())
        },
        teacher(
            "latents of another rank", "latents", "[1, height, width, 4]", "[4]", latents: .zeros([4]),
            captions: [caption()]),
        teacher(
            "latents of other channels", "latents", "[1, height, width, 4]", "[1, 4, 4, 3]",
            latents: .zeros([1, 4, 4, 3]), captions: [caption()]),
        teacher(
            "fewer latents than captions", "latents", "[2, ", "[1, 4, 4, 4]", latents: .zeros([1, 4, 4, 4]),
            captions: [caption(), caption("b")]),
        teacher(
            "latents of NaN", "latents", "finite", "64", latents: Tensor(repeating: .nan, shape: [1, 4, 4, 4]),
            captions: [caption()]),
        teacher(
            "no latents", "latents", "one per caption", "[0, 4, 4, 4]", latents: .zeros([0, 4, 4, 4]), captions: []),
        teacher(
            "weights of 0 alone", "captions", "above 0", "0.0", latents: .zeros([1, 4, 4, 4]),
            captions: [caption(weight: 0)]),
        teacher(
            "a negative weight", "captions", "at least 0", "-1.0", latents: .zeros([2, 4, 4, 4]),
            captions: [caption(), caption("b", weight: -1)]),
        teacher(
            "a network that returns fewer channels", "OwnNetwork.predict", "[2, 4, 4, 4]", "[2, 4, 4, 1]",
            latents: .zeros([1, 4, 4, 4]), captions: [caption()], network: { $0.sliced(axis: 3, 0..<1) }),
        teacher(
            "a network that returns NaN", "step 1", "the loss", "not finite", latents: .zeros([1, 4, 4, 4]),
            captions: [caption()], network: { $0 * .nan }),
        teacher(
            "a text encoder that returns one condition", "Labels.condition", "[2, tokens, width]", "[1, 1, 2]",
            latents: .zeros([1, 4, 4, 4]), captions: [caption()], conditions: { _ in Labels.ones(["a"]) }),
        WrongCall("teacher: blocks of odd channels", "blockChannels", "multiples of 16", "[10]") { bench in
            let model = try TextToImageModel(contentsOf: bench.model())
            guard let autoencoder = model.autoencoder, let encoder = model.textEncoder as? CLIPTextEncoder else {
                return
            }
            _ = try TeacherTrainer(
                pictures: shapes(), autoencoder: autoencoder, tokenizer: encoder.tokenizer, blockChannels: [10])
        },
        WrongCall("teacher's errors: pictures of one text", "pictures", "two different texts", "1") { bench in
            let set = try CaptionedPictures([caption(), caption()], [picture(16, 16), picture(16, 16)])
            _ = try DenoisingErrors(of: bench.teacher.get(), on: set)
        },
        WrongCall("teacher's errors: a timestep outside the schedule", "timesteps", "0 to 999", "1000") { bench in
            _ = try DenoisingErrors(of: bench.teacher.get(), on: shapes(), timesteps: [1000])
        },
        WrongCall("teacher's errors: a negative timestep", "timesteps", "0 to 999", "-1") { bench in
            _ = try DenoisingErrors(of: bench.teacher.get(), on: shapes(), timesteps: [-1])
        },
    ]
}
