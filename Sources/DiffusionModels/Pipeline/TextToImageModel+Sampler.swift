extension TextToImageModel {
    /// A sampler of the model: the one that its files name, with all its settings, as diffusers' pipeline has it, or another.
    ///
    /// Another takes the files' settings too, and its own defaults for what they do not state, as `from_config` does in diffusers. Old files
    /// are read as diffusers' Stable Diffusion pipeline reads them: a `steps_offset` that is not 1 is 1, and x₀ is not clipped, with a warning
    /// (``Sampler/warnings``). A single file has no scheduler: its family's DDIM stands for it, with trailing timesteps where few steps
    /// would otherwise not start from noise, as models for few steps need.
    ///
    /// - Parameters:
    ///   - name: one of ``ShippedSamplers/names``; nil for the one that the files name.
    ///   - timestepSpacing: nil for what the files or the sampler's defaults say.
    ///   - eta: how much noise each step adds anew, 0 to 1, of samplers that have such a share: DDIM and TCD.
    ///   - steps: for how many steps, if known.
    ///
    /// Throws ``ModelError`` for a name that is none, a scheduler class that is not shipped, and settings that are not followed.
    public func sampler(
        named name: String? = nil, timestepSpacing: TimestepSpacing? = nil, eta: Double? = nil, steps: Int? = nil
    ) throws -> any Sampler {
        let type = try samplerType(named: name)
        var (configuration, warnings) = schedule.configuration.asPipelineReads(for: type)
        if let timestepSpacing {
            guard type.parameters.defaults["timestep_spacing"] != nil else {
                throw ModelError.invalidArgument(
                    operation: "sampler \(type.name)", argument: "timestepSpacing",
                    expected: "none: \(type.className) has timesteps of its own", found: timestepSpacing.rawValue)
            }
            configuration.timestepSpacing = timestepSpacing
        }
        if configuration.stated["clip_sample"] == nil, type.className != configuration.className,
            configuration.converted(to: type.className).clipsSample
        {
            warnings.append(
                "clip_sample is true by default of \(type.className), which clips x₀ to −1…1; the model's files do not say"
            )
        }
        let sampler = try type.init(SchedulerSettings(configuration, for: type, eta: eta, warnings: warnings))
        guard let steps, steps <= 4, timestepSpacing == nil, checkpoint.layout is SingleFileCheckpoint,
            type.parameters.defaults["timestep_spacing"] != nil
        else { return sampler }
        var begun = sampler
        let first = try begun.begin(steps: steps).points.first
        guard let first, first.timestep < 0.9 * Double(configuration.timestepCount) else { return sampler }
        configuration.timestepSpacing = .trailing
        warnings.append(
            "trailing timesteps, because a single file does not say how it is sampled and \(steps) step\(steps == 1 ? "" : "s") "
                + "would start at timestep \(Int(first.timestep)) (--timestep-spacing leading for that)")
        return try type.init(SchedulerSettings(configuration, for: type, eta: eta, warnings: warnings))
    }

    private func samplerType(named name: String?) throws -> any SchedulerSampler.Type {
        let names = ShippedSamplers.names.joined(separator: ", ")
        if let name {
            guard let type = ShippedSamplers.type(named: name) else {
                throw ModelError.invalidArgument(
                    operation: "sampler", argument: "name", expected: "one of \(names)", found: name)
            }
            return type
        }
        let className = schedule.configuration.className
        guard let type = ShippedSamplers.type(ofClass: className) else {
            throw ModelError.unsupportedField(
                file: "\(checkpoint.url.path)/scheduler", field: "_class_name",
                expected: "the scheduler of a sampler that is there; choose one (--sampler): \(names)", found: className
            )
        }
        return type
    }
}

extension NoiseSchedule.Configuration {
    /// The configuration as diffusers' Stable Diffusion pipeline changes it, for a sampler of its class or another, and what was changed.
    ///
    /// A default that is changed for the file's own class is not carried to another, which has its own.
    fileprivate func asPipelineReads(
        for type: any SchedulerSampler.Type
    ) -> (configuration: Self, warnings: [String]) {
        let isOwn = type.className == className
        let parameters = type.parameters.defaults
        var (configuration, warnings) = (self, [String]())
        let known = ShippedSamplers.defaults(ofClass: className)
        if let offset = stated["steps_offset"] ?? known["steps_offset"], offset.asInteger != 1,
            isOwn || stated["steps_offset"] != nil
        {
            configuration.stepsOffset = 1
            if parameters["steps_offset"] != nil,
                configuration.converted(to: type.className).timestepSpacing == .leading,
                ![LCMSampler.className, TCDSampler.className].contains(type.className)
            {
                warnings.append(
                    "steps_offset is \(offset) in the model's files, which are outdated: 1 is used, as in diffusers")
            }
        }
        if (stated["clip_sample"] ?? known["clip_sample"]) == true, isOwn || stated["clip_sample"] != nil {
            configuration.clipsSample = false
            if parameters["clip_sample"] != nil {
                warnings.append(
                    "clip_sample is true in the model's files, which are outdated: x₀ is not clipped, as in diffusers")
            }
        }
        return (configuration, warnings)
    }
}
