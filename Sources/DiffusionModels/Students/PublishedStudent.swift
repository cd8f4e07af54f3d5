/// A published model that generates images in a few steps, and how.
///
/// ```swift
/// for student in PublishedStudent.all { print(student) }
/// ```
///
/// Timesteps, sampler and guidance scale are those of its paper, model card or official code.
public struct PublishedStudent: Sendable, Equatable {
    /// The step of a published model.
    public struct Step: Sendable, Equatable {
        /// The timestep T passed to the network.
        public let timestep: Int
        /// ᾱ_T, by which noise and signal are separated.
        public let cumulativeAlpha: Double
    }

    /// The model's name.
    public let name: String
    /// The model that it was distilled from.
    public let teacher: String
    /// The steps with which it is usually sampled.
    public let steps: [Step]
    /// The sampler, one of ``ShippedSamplers/names``; nil for x₀ = (z − σ_T ε) / α_T in one step.
    public let sampler: String?
    /// The guidance scale; 1 or below means that only the prompt is evaluated.
    public let guidanceScale: Double
    /// Where the weights are published.
    public let source: String
    /// Whether it is a LoRA, to be merged into its teacher or a model fine-tuned from it.
    public let isLoRA: Bool

    /// The amount of noise that each step adds, for samplers with this parameter.
    let eta: Double?
    /// Settings of the scheduler that the files of the teacher do not have.
    let scheduler: [String: JSONValue]

    private init(
        _ name: String, of teacher: String, at timesteps: [Int], sampler: String? = nil, eta: Double? = nil,
        guidanceScale: Double = 1, isLoRA: Bool = false, cumulativeAlpha: Double? = nil,
        scheduler: [String: JSONValue] = [:], from source: String
    ) {
        (self.name, self.teacher, self.sampler, self.eta) = (name, teacher, sampler, eta)
        (self.guidanceScale, self.isLoRA, self.source, self.scheduler) = (guidanceScale, isLoRA, source, scheduler)
        steps = timesteps.map {
            Step(timestep: $0, cumulativeAlpha: cumulativeAlpha ?? Self.schedule.cumulativeAlphas[$0])
        }
    }

    /// Stable Diffusion's noise schedule, which all of them share.
    private static let schedule: NoiseSchedule = {
        guard let schedule = try? NoiseSchedule(.stableDiffusion) else {
            fatalError("PublishedStudent: Stable Diffusion's schedule is invalid")
        }
        return schedule
    }()

    /// SwiftBrush (arXiv 2312.05239).
    public static let swiftBrush = PublishedStudent(
        "SwiftBrush", of: "Stable Diffusion 2.1-base", at: [999], cumulativeAlpha: 0.0047,
        from: "thuanz123/swiftbrush")
    /// SwiftBrush v2 (arXiv 2408.14176).
    public static let swiftBrush2 = PublishedStudent(
        "SwiftBrush v2", of: "Stable Diffusion 2.1-base, initialised from SD-Turbo", at: [999], cumulativeAlpha: 0.0047,
        from: "github.com/VinAIResearch/SwiftBrushV2")
    /// SD-Turbo (arXiv 2311.17042), for 1 to 4 steps.
    public static let turbo = PublishedStudent(
        "SD-Turbo", of: "Stable Diffusion 2.1", at: [999], sampler: "euler",
        scheduler: ["timestep_spacing": "trailing"], from: "stabilityai/sd-turbo")
    /// SDXL-Turbo (arXiv 2311.17042), for 1 to 4 steps.
    public static let turboXL = PublishedStudent(
        "SDXL-Turbo", of: "Stable Diffusion XL", at: [999], sampler: "euler-ancestral",
        scheduler: ["timestep_spacing": "trailing"], from: "stabilityai/sdxl-turbo")
    /// DMD2's network for one step (arXiv 2405.14867).
    public static let dmd2OneStep = PublishedStudent(
        "DMD2, 1 step", of: "Stable Diffusion XL", at: [399], from: "tianweiy/DMD2")
    /// DMD2's network for four steps (arXiv 2405.14867).
    public static let dmd2FourSteps = PublishedStudent(
        "DMD2, 4 steps", of: "Stable Diffusion XL", at: [999, 749, 499, 249], sampler: "lcm",
        scheduler: ["original_inference_steps": 4], from: "tianweiy/DMD2")
    /// SiD-LSG (arXiv 2406.01561).
    public static let sidLSG = PublishedStudent(
        "SiD-LSG", of: "Stable Diffusion 1.5 or 2.1-base", at: [625], from: "github.com/mingyuanzhou/SiD-LSG")
    /// Hyper-SD's network for one step (arXiv 2404.13686).
    public static let hyperOneStep = PublishedStudent(
        "Hyper-SD, 1-step UNet", of: "Stable Diffusion XL", at: [800], from: "ByteDance/Hyper-SD")
    /// Hyper-SD's LoRA for one step, which also serves for up to eight.
    public static let hyperUnified = PublishedStudent(
        "Hyper-SD, 1-step LoRA", of: "Stable Diffusion 1.5 or XL", at: [999], sampler: "tcd", eta: 1, isLoRA: true,
        from: "ByteDance/Hyper-SD")
    /// Hyper-SD's LoRA for two steps.
    public static let hyperTwoSteps = PublishedStudent(
        "Hyper-SD, 2-step LoRA", of: "Stable Diffusion 1.5 or XL", at: [999, 499], sampler: "ddim", isLoRA: true,
        scheduler: ["timestep_spacing": "trailing"], from: "ByteDance/Hyper-SD")
    /// Hyper-SD's LoRA for four steps.
    public static let hyperFourSteps = PublishedStudent(
        "Hyper-SD, 4-step LoRA", of: "Stable Diffusion 1.5 or XL", at: [999, 749, 499, 249], sampler: "ddim",
        isLoRA: true, scheduler: ["timestep_spacing": "trailing"], from: "ByteDance/Hyper-SD")
    /// SDXS (arXiv 2403.16627).
    public static let sdxs = PublishedStudent(
        "SDXS", of: "Stable Diffusion 2.1-base or 1.5", at: [999], from: "IDKiro/sdxs-512-0.9")
    /// A latent consistency model (arXiv 2310.04378), which reads the guidance scale.
    public static let lcm = PublishedStudent(
        "LCM", of: "Stable Diffusion 1.5", at: [999, 759, 499, 259], sampler: "lcm", guidanceScale: 8.5,
        from: "SimianLuo/LCM_Dreamshaper_v7")
    /// LCM-LoRA (arXiv 2311.05556), for 2 to 8 steps.
    public static let lcmLoRA = PublishedStudent(
        "LCM-LoRA", of: "Stable Diffusion 1.5 or XL", at: [999, 759, 499, 259], sampler: "lcm", isLoRA: true,
        from: "latent-consistency/lcm-lora-sdv1-5")

    /// All of them.
    public static let all = [
        swiftBrush, swiftBrush2, turbo, turboXL, dmd2OneStep, dmd2FourSteps, sidLSG, hyperOneStep, hyperUnified,
        hyperTwoSteps, hyperFourSteps, sdxs, lcm, lcmLoRA,
    ]
}

extension PublishedStudent: CustomStringConvertible {
    /// How it is sampled, such as "1 step at timestep 625 (ᾱ 0.1378), no guidance".
    public var sampling: String {
        let points = steps.map { String(format: "%d (ᾱ %.4f)", $0.timestep, $0.cumulativeAlpha) }
        let noun = steps.count == 1 ? "1 step at timestep" : "\(steps.count) steps at timesteps"
        let method = sampler.map { ", sampler \($0)" } ?? ""
        let guidance = guidanceScale > 1 ? "guidance scale \(guidanceScale)" : "no guidance"
        return "\(noun) \(points.joined(separator: ", "))\(method), \(guidance)"
    }

    /// Name, teacher, sampling and source on one line.
    public var description: String {
        "\(name)\(isLoRA ? " (a LoRA)" : ""), of \(teacher): \(sampling); \(source)"
    }

    /// The options of `text-to-image` by which it is sampled; nil where no option sets its timestep.
    var options: String? {
        guard let sampler, scheduler.keys.allSatisfy({ $0 == "timestep_spacing" }) else { return nil }
        let spacing = scheduler["timestep_spacing"] == nil ? "" : " --timestep-spacing trailing"
        let noise = eta.map { " --eta \($0)" } ?? ""
        return "--steps \(steps.count) --sampler \(sampler)\(spacing)\(noise) --guidance-scale \(guidanceScale)"
    }
}

extension TextToImageModel {
    /// The model and how it is sampled, if it is this student: a student of one step has ``oneStep`` afterwards.
    ///
    /// Throws ``ModelError`` for a model whose schedule the sampler does not support.
    public func sampled(as student: PublishedStudent) throws -> (model: TextToImageModel, sampling: PictureSampling) {
        var model = self
        guard let name = student.sampler else {
            let step = student.steps[0]
            model.oneStep = try OneStepConfiguration(timestep: step.timestep, cumulativeAlpha: step.cumulativeAlpha)
            return (model, .oneStep)
        }
        var configuration = schedule.configuration
        configuration.stated.merge(student.scheduler) { $1 }
        model.schedule = try NoiseSchedule(configuration)
        let sampler = try model.sampler(named: name, eta: student.eta, steps: student.steps.count)
        return (
            model,
            .steps(
                SamplingSettings(
                    steps: student.steps.count, guidanceScale: student.guidanceScale, sampler: sampler))
        )
    }
}
